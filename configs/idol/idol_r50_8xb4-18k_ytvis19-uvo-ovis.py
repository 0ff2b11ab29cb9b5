# IDOL, ResNet-50, trained on YouTube-VIS 2019, UVO and OVIS at once.
_base_ = [
    '../_base_/models/idol_r50.py', '../_base_/datasets/pair_loaders.py',
    '../_base_/datasets/ytvis19.py', '../_base_/datasets/uvo.py', '../_base_/datasets/ovis.py',
    '../_base_/schedules/adamw_idol.py', '../_base_/schedules/iterations_18k.py',
    '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['ytvis19', 'uvo', 'ovis']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/idol_r50_coco-pretrain.pth'

train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis19_train, pipeline=_base_.train_pipeline),
            dict(_base_.uvo_train, pipeline=_base_.train_pipeline),
            dict(_base_.ovis_train, pipeline=_base_.train_pipeline_ovis),
        ]),
    # of the sets in the order above
    sampler=dict(ratios=[1, 1, 0.75]))
val_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis19_val, pipeline=_base_.test_pipeline_480),
            dict(_base_.uvo_val, pipeline=_base_.test_pipeline_480),
            dict(_base_.ovis_val, pipeline=_base_.test_pipeline_720),
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(
        ytvis19=_base_.ytvis19_val.ann_file,
        uvo=_base_.uvo_val.ann_file,
        ovis=_base_.ovis_val.ann_file),
    # their ground truth is hidden: results are written for the servers
    format_only=['ytvis19', 'ovis'])
test_evaluator = val_evaluator
