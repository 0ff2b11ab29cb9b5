# OVIS: the schedule of MinVIS; there is no official one of Mask2Former-VIS.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=10000, val_interval=10000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=10000, by_epoch=False, milestones=[7000], gamma=0.1)
