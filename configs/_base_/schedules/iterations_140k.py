# COCO pseudo clips and YouTube-VIS 2019 with 8 clips: the official VITA.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=140000, val_interval=140000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=140000, by_epoch=False, milestones=[75000], gamma=0.1)
