# TMT-VIS on GenVIS (online) at the size of the demonstration, from the weights that
# tmt-vis_vita_demo_synth.py trains. The detector and its taxonomy are frozen.
_base_ = './tmt-vis_mask2former_demo_synth.py'
max_iters = 600
clip_frames = 5
embed_dims = 128

load_from = 'work_dirs/tmt-vis_vita_demo_synth/iter_3000.pth'
model = dict(
    type='GenVIS',
    frames_per_clip=1,
    freeze_detector=True,
    decoder=dict(decoder=dict(type='FrameMaskDecoder')),
    clip_decoder=dict(
        type='GenVISDecoder', num_queries=20, embed_dims=embed_dims, num_encoder_layers=3,
        num_layers=3, feedforward_dims=256),
    clip_criterion=dict(type='GenVISCriterion', num_points=384, label_space_loss='masked'),
    auxiliary_head=None)  # a help for training from nothing

train_pipeline = [
    dict(type='SampleClip', num_frames=clip_frames, frame_range=5),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
train_dataloader = dict(
    batch_size=2,
    dataset=dict(datasets=[
        dict(
            type='VideoInstanceDataset', name=name, vocabulary=name,
            data_root=_base_.data_root + name, ann_file='train.json',
            data_prefix=dict(img='JPEGImages'), pipeline=train_pipeline) for name in _base_.sets
    ]))

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(_delete_=True))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = [dict(type='NaNGuardHook')]
