# VITA, Swin-L, trained on YouTube-VIS 2021, UVO and OVIS at once,
# without any taxonomy modules: the other arm of the comparison with TMT-VIS on VITA.
_base_ = [
    '../_base_/models/mask2former-vis_swin-l.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/ytvis21.py', '../_base_/datasets/uvo.py', '../_base_/datasets/ovis.py',
    '../_base_/schedules/adamw.py', '../_base_/schedules/iterations_16k.py',
    '../_base_/default_runtime.py'
]

model = dict(
    type='VITA',
    decoder=dict(type='FrameMaskDecoder'),
    clip_decoder=dict(type='VITADecoder', num_queries=100, window=6),
    clip_criterion=dict(type='VITACriterion', num_points=12544),
    taxonomy=dict(vocabularies=['ytvis21', 'uvo', 'ovis']),
    # as the official code
    test_cfg=dict(max_per_video=dict(ovis=20)))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/vita_swin-l_coco.pth'

# One length for all sets, as in the released TMT-VIS code: the clips of a batch are stacked. Alone,
# VITA has 6 frames, +-8, for YouTube-VIS 2021 and OVIS.
train_pipeline = [dict(type='SampleClip', num_frames=5, frame_range=20), *_base_.clip_steps]
train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis21_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
            dict(_base_.uvo_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
            dict(_base_.ovis_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
        ]),
    # of the sets in the order above
    sampler=dict(ratios=[1, 1, 0.75]))
val_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis21_val, pipeline=_base_.test_pipeline_448),
            dict(_base_.uvo_val, pipeline=_base_.test_pipeline_448),
            dict(_base_.ovis_val, pipeline=_base_.test_pipeline_448),
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(
        ytvis21=_base_.ytvis21_val.ann_file,
        uvo=_base_.uvo_val.ann_file,
        ovis=_base_.ovis_val.ann_file),
    # their ground truth is hidden: results are written for the servers
    format_only=['ytvis21', 'ovis'])
test_evaluator = val_evaluator
