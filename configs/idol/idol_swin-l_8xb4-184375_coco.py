# IDOL, Swin-L, first step on COCO: detection on single images, from ImageNet weights. Embeddings
# are not trained, an image has no reference frame.
_base_ = [
    '../_base_/models/idol_swin-l.py', '../_base_/datasets/pair_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/schedules/adamw_idol.py',
    '../_base_/schedules/iterations_184375.py', '../_base_/default_runtime.py'
]

model = dict(
    taxonomy=dict(vocabularies=['coco']),
    backbone=dict(
        # trained on ImageNet-22k; its names are those of the authors
        convert_weights=True,
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
            'swin_large_patch4_window12_384_22k.pth')))

optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_pipeline = [
    dict(type='SampleClip', num_frames=1),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    *_base_.view_steps,
    dict(type='PackClip'),
]
train_dataloader = dict(dataset=dict(_base_.coco_train, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(_base_.coco_val, pipeline=_base_.test_pipeline_640))
test_dataloader = val_dataloader

val_evaluator = dict(ann_files=dict(coco=_base_.coco_val.ann_file))
test_evaluator = val_evaluator
