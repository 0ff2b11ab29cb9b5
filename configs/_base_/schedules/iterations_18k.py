# Joint training of IDOL on three sets. Recommended: the paper gives no number of steps. This is the
# sum of the schedules of YouTube-VIS and OVIS, in batches of 32.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=18000, val_interval=18000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=18000, by_epoch=False, milestones=[12000], gamma=0.1)
