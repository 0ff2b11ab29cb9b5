# From the weights of VITA with 8 clips: the official GenVIS on YouTube-VIS 2021.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=90000, val_interval=90000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=90000, by_epoch=False, milestones=[50000], gamma=0.1)
