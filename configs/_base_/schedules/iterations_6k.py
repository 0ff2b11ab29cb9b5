# Official Mask2Former-VIS on YouTube-VIS 2019: a tenth of the learning rate after 4,000 steps.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=6000, val_interval=6000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=6000, by_epoch=False, milestones=[4000], gamma=0.1)
