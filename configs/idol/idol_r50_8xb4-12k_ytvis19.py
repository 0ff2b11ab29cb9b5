# IDOL, ResNet-50, on YouTube-VIS 2019.
_base_ = [
    '../_base_/models/idol_r50.py', '../_base_/datasets/pair_loaders.py',
    '../_base_/datasets/ytvis19.py', '../_base_/schedules/adamw_idol.py',
    '../_base_/schedules/iterations_12k.py', '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['ytvis19']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/idol_r50_coco-pretrain.pth'

train_dataloader = dict(dataset=dict(_base_.ytvis19_train, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ytvis19_val, pipeline=_base_.test_pipeline_480))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis19=_base_.ytvis19_val.ann_file), format_only=['ytvis19'])
test_evaluator = val_evaluator
