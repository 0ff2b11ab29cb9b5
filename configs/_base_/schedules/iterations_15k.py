# From the weights of VITA with 8 clips: the official GenVIS on YouTube-VIS 2019.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=15000, val_interval=15000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=15000, by_epoch=False, milestones=[10000], gamma=0.1)
