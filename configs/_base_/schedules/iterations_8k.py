# Official Mask2Former-VIS on YouTube-VIS 2021.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=8000, val_interval=8000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=8000, by_epoch=False, milestones=[5500], gamma=0.1)
