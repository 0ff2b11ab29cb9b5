# The official IDOL on every set, and the released TMT-VIS on UVO and YouTube-VIS 2019.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=12000, val_interval=12000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=12000, by_epoch=False, milestones=[8000], gamma=0.1)
