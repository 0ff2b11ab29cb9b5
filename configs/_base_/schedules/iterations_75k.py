# COCO pseudo clips and OVIS: half of the steps of VITA, for 16 clips instead of 8.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=75000, val_interval=75000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=75000, by_epoch=False, milestones=[25000, 62500], gamma=0.1)
