# COCO pseudo clips and OVIS with 8 clips: the official VITA.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=150000, val_interval=150000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=150000, by_epoch=False, milestones=[50000, 125000], gamma=0.1)
