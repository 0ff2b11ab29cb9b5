# The small model of real clips for longer. Its first 600 steps see crops and many sizes: later
# frames of a clip show its objects at other sizes than the frames that are trained on. The rest of
# the training sees whole frames at about the size of the test. The two clips of a step have one
# short side, which leaves less of it to padding; with more processes or clips, clips_per_size is
# their product.
_base_ = './tmt-vis_mask2former_mobilenet-v2_1xb2-1800_ytvis19-uvo-ovis-clips.py'

max_iters = 2250

train_pipeline = [
    dict(type='SampleClip', num_frames=2, frame_range=10),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipStages', first_samples=1200,  # two clips a step
         first=[
             dict(type='ClipRandomApply', prob=0.5,
                  transforms=[dict(type='ClipCrop', size_range=(120, 270))]),
             dict(type='ClipResize', short_sides=(160, 192, 224, 256), max_size=448,
                  clips_per_size=2)],
         then=[dict(
             type='ClipResize', short_sides=(208, 224, 240), max_size=448, clips_per_size=2)]),
    dict(type='ClipFlip', prob=0.5),
    dict(type='ClipPhotometric'),
    dict(type='PackClip'),
]
test_pipeline = [dict(type='LoadFrames', short_side=240), dict(type='PackVideo')]

train_dataloader = dict(
    dataset=dict(datasets=[dict(one, pipeline=train_pipeline) for one in _base_.train_sets]))
val_dataloader = dict(
    dataset=dict(datasets=[dict(one, pipeline=test_pipeline) for one in _base_.val_sets]))
test_dataloader = val_dataloader

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=max_iters, eta_min=1e-6),
]
optim_wrapper = dict(optimizer=dict(fused=True))
