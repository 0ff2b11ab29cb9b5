# TMT-VIS on VITA at the size of the demonstration, from the weights that `make demo` trains.
_base_ = './tmt-vis_mask2former_demo_synth.py'
max_iters = 3000
clip_frames = 4
embed_dims = 128

# Mask2Former-VIS and VITA's frame decoder have the same parameters
load_from = 'work_dirs/demo/iter_650.pth'
allow_unexpected = ['auxiliary_head.']
model = dict(
    type='VITA',
    decoder=dict(decoder=dict(type='FrameMaskDecoder')),
    clip_decoder=dict(
        type='VITADecoder', num_queries=20, embed_dims=embed_dims, num_encoder_layers=3,
        num_layers=3, window=4, feedforward_dims=256),
    clip_criterion=dict(type='VITACriterion', num_points=384, label_space_loss='masked'),
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
# the clip decoder is new, the detector is trained
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(_delete_=True, custom_keys={
        'backbone': dict(lr_mult=0.3), 'pixel_decoder': dict(lr_mult=0.3),
        'decoder.decoder.': dict(lr_mult=0.3), 'decoder.compilation.': dict(lr_mult=0.3),
        'decoder.injection.': dict(lr_mult=0.3)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = [dict(type='NaNGuardHook')]
