# 50 epochs of COCO with 16 images: the official Mask2Former with a ResNet.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=368750, val_interval=368750)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=368750, by_epoch=False, milestones=[327778, 355092], gamma=0.1)
