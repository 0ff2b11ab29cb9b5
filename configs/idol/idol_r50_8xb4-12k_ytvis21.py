# IDOL, ResNet-50, on YouTube-VIS 2021.
_base_ = [
    '../_base_/models/idol_r50.py', '../_base_/datasets/pair_loaders.py',
    '../_base_/datasets/ytvis21.py', '../_base_/schedules/adamw_idol.py',
    '../_base_/schedules/iterations_12k.py', '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['ytvis21']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/idol_r50_coco-pretrain.pth'

train_dataloader = dict(dataset=dict(_base_.ytvis21_train, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ytvis21_val, pipeline=_base_.test_pipeline_480))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis21=_base_.ytvis21_val.ann_file), format_only=['ytvis21'])
test_evaluator = val_evaluator
