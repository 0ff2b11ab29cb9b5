# MinVIS, ResNet-50, trained from ImageNet weights on the images of COCO: the image Mask2Former that
# recipes of videos start from.
_base_ = [
    '../_base_/models/mask2former-vis_r50.py', '../_base_/datasets/frame_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_368750.py', '../_base_/default_runtime.py'
]

model = dict(
    type='MinVIS',
    decoder=dict(type='FrameMaskDecoder'),
    taxonomy=dict(vocabularies=['coco']),
    backbone=dict(
        init_cfg=dict(
            _delete_=True, type='Pretrained', checkpoint='torchvision://resnet50')),
    # as many results as COCO's average precision counts
    test_cfg=dict(max_per_video=100))

train_dataloader = dict(
    batch_size=2, dataset=dict(_base_.coco_train, pipeline=_base_.image_train_pipeline))
val_dataloader = dict(dataset=dict(_base_.coco_val, pipeline=_base_.image_test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(ann_files=dict(coco=_base_.coco_val.ann_file))
test_evaluator = val_evaluator
