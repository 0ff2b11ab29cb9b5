# COCO pseudo clips and one or two sets of videos: the released TMT-VIS code with 16 clips; half of
# the steps of VITA on YouTube-VIS 2019, which has 8.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=70000, val_interval=70000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=70000, by_epoch=False, milestones=[37500], gamma=0.1)
