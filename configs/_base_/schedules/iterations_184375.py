# 50 epochs of COCO with 32 images. Recommended: the schedule of Deformable DETR, since the official
# IDOL has none of its own for this step.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=184375, val_interval=184375)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

param_scheduler = dict(
    type='MultiStepLR', begin=0, end=184375, by_epoch=False, milestones=[147500], gamma=0.1)
