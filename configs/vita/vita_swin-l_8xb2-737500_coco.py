# VITA, Swin-L, trained from ImageNet weights on the images of COCO, as clips of one frame: what the
# recipes of videos start from.
_base_ = [
    '../_base_/models/mask2former-vis_swin-l.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_737500.py', '../_base_/default_runtime.py'
]

model = dict(
    type='VITA',
    decoder=dict(type='FrameMaskDecoder'),
    clip_decoder=dict(type='VITADecoder', num_queries=100, window=6),
    clip_criterion=dict(type='VITACriterion', num_points=12544),
    taxonomy=dict(vocabularies=['coco']),
    backbone=dict(
        # trained on ImageNet-22k; its names are those of the authors
        convert_weights=True,
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
            'swin_large_patch4_window12_384_22k.pth')),
    # as many results as COCO's average precision counts
    test_cfg=dict(max_per_video=100))

train_dataloader = dict(
    dataset=dict(_base_.coco_train, pipeline=_base_.image_train_pipeline))
val_dataloader = dict(dataset=dict(_base_.coco_val, pipeline=_base_.image_test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(ann_files=dict(coco=_base_.coco_val.ann_file))
test_evaluator = val_evaluator
