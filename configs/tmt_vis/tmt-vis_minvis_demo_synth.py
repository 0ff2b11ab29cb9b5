# TMT-VIS on MinVIS at the size of the demonstration, from the weights that `make demo` trains.
_base_ = './tmt-vis_mask2former_demo_synth.py'
max_iters = 2400

# Mask2Former-VIS and MinVIS have the same parameters
load_from = 'work_dirs/demo/iter_650.pth'
allow_unexpected = ['auxiliary_head.']
model = dict(
    type='MinVIS',
    decoder=dict(decoder=dict(type='FrameMaskDecoder')),
    auxiliary_head=None)  # a help for training from nothing

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = [dict(type='NaNGuardHook')]
