# COCO pseudo clips and YouTube-VIS 2021: half of the steps of VITA, for 16 clips instead of 8.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=93750, val_interval=93750)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=93750, by_epoch=False, milestones=[50000], gamma=0.1)
