# Joint training on three sets. The paper doesn't say; this is about the sum of what the single
# sets take, since the paper arranges its ratios by the sets' own numbers of iterations.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=16000, val_interval=16000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=16000, by_epoch=False, milestones=[11000], gamma=0.1)
