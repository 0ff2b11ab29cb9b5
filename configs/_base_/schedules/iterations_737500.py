# 100 epochs of COCO with 16 images: the official Mask2Former with a Swin-L.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=737500, val_interval=737500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# no warm-up, as in the official code
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=737500, by_epoch=False, milestones=[655556, 710184], gamma=0.1)
