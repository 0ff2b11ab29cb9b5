# A second stretch for the small model of real clips: larger and varying sizes, other colours.
_base_ = './tmt-vis_mask2former_mobilenet-v2_1xb2-1800_ytvis19-uvo-ovis-clips.py'

load_from = (
    'work_dirs/tmt-vis_mask2former_mobilenet-v2_1xb2-1800_ytvis19-uvo-ovis-clips/iter_1800.pth')
max_iters = 400

train_pipeline = [
    dict(type='SampleClip', num_frames=2, frame_range=10),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipResize', short_sides=(224, 256, 288)),
    dict(type='ClipFlip', prob=0.5),
    dict(type='ClipPhotometric'),
    dict(type='PackClip'),
]
test_pipeline = [dict(type='LoadFrames', short_side=256), dict(type='PackVideo')]

train_dataloader = dict(
    dataset=dict(datasets=[dict(one, pipeline=train_pipeline) for one in _base_.train_sets]))
val_dataloader = dict(
    dataset=dict(datasets=[dict(one, pipeline=test_pipeline) for one in _base_.val_sets]))
test_dataloader = val_dataloader

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20, end=max_iters, eta_min=1e-6),
]
