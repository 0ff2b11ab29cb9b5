# 16 epochs of COCO with 32 pairs: the official IDOL.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=59200, val_interval=59200)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=59200, by_epoch=False, milestones=[22200, 44400], gamma=0.1)
