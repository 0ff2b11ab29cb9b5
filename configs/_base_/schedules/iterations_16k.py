# Joint training on three sets. Recommended: the paper gives no number of steps. This is the sum of
# the schedules of YouTube-VIS 2019 and OVIS.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=16000, val_interval=16000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=16000, by_epoch=False, milestones=[11000], gamma=0.1)
