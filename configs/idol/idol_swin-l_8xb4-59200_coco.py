# IDOL, Swin-L, second step on COCO: an image makes a pair of key and reference frame by two crops,
# each drawn on its own, so that embeddings are trained too.
_base_ = [
    '../_base_/models/idol_swin-l.py', '../_base_/datasets/pair_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/schedules/adamw_idol.py',
    '../_base_/schedules/iterations_59200.py', '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['coco']))
# what the recipe of this name trains
load_from = 'work_dirs/idol_swin-l_8xb4-184375_coco/iter_184375.pth'

optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_pipeline = [
    dict(type='SampleClip', num_frames=2),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipFrameWise', transforms=_base_.view_steps),
    dict(type='PackClip'),
]
train_dataloader = dict(dataset=dict(_base_.coco_train, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(_base_.coco_val, pipeline=_base_.test_pipeline_640))
test_dataloader = val_dataloader

val_evaluator = dict(ann_files=dict(coco=_base_.coco_val.ann_file))
test_evaluator = val_evaluator
