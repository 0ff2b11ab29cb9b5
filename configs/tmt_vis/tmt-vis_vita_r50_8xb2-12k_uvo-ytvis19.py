# TMT-VIS on VITA, ResNet-50, trained on UVO and YouTube-VIS 2019 at once: ratio and steps of the
# released TMT-VIS code.
_base_ = [
    '../_base_/models/tmt-vis_mask2former_r50.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/uvo.py', '../_base_/datasets/ytvis19.py',
    '../_base_/schedules/adamw.py', '../_base_/schedules/iterations_12k.py',
    '../_base_/default_runtime.py'
]

model = dict(
    type='VITA',
    decoder=dict(decoder=dict(type='FrameMaskDecoder')),
    clip_decoder=dict(type='VITADecoder', num_queries=100, window=6),
    clip_criterion=dict(type='VITACriterion', num_points=12544),
    taxonomy=dict(vocabularies=['uvo', 'ytvis19']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/vita_r50_coco.pth'

train_pipeline = [dict(type='SampleClip', num_frames=5, frame_range=20), *_base_.clip_steps]
train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.uvo_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
            dict(_base_.ytvis19_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
        ]),
    # of the sets in the order above
    sampler=dict(ratios=[0.75, 1]))
val_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.uvo_val, pipeline=_base_.test_pipeline_360),
            dict(_base_.ytvis19_val, pipeline=_base_.test_pipeline_360),
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(uvo=_base_.uvo_val.ann_file, ytvis19=_base_.ytvis19_val.ann_file),
    # its ground truth is hidden: results are written for the server
    format_only=['ytvis19'])
test_evaluator = val_evaluator
