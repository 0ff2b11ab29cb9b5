# GenVIS, online, ResNet-50, trained on YouTube-VIS 2019, UVO and OVIS at once, without any
# taxonomy modules: the other arm of the comparison with TMT-VIS on GenVIS. 5 clips of 1 frame.
_base_ = [
    '../_base_/models/mask2former-vis_r50.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/ytvis19.py', '../_base_/datasets/uvo.py', '../_base_/datasets/ovis.py',
    '../_base_/schedules/adamw.py', '../_base_/schedules/iterations_15k.py',
    '../_base_/default_runtime.py'
]

model = dict(
    type='GenVIS',
    decoder=dict(type='FrameMaskDecoder'),
    frames_per_clip=1,
    freeze_detector=True,
    clip_decoder=dict(type='GenVISDecoder', num_queries=100),
    clip_criterion=dict(type='GenVISCriterion', num_points=12544),
    taxonomy=dict(vocabularies=['ytvis19', 'uvo', 'ovis']),
    # as the official code
    test_cfg=dict(max_per_video=dict(ovis=20)))
# what the recipe of this name trains
load_from = 'work_dirs/vita_r50_8xb2-16k_ytvis19-uvo-ovis/iter_16000.pth'

# 8 GPUs x 1 clip, and the steps of YouTube-VIS 2019: the paper gives none
optim_wrapper = dict(optimizer=dict(lr=5e-5))
auto_scale_lr = dict(base_batch_size=8)
train_pipeline = [dict(type='SampleClip', num_frames=5, frame_range=6), *_base_.clip_steps]
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis19_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
            dict(_base_.uvo_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
            dict(_base_.ovis_train, pipeline=train_pipeline, filter_cfg=dict(filter_empty=True)),
        ]),
    # of the sets in the order above
    sampler=dict(ratios=[1, 1, 0.75]))
val_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis19_val, pipeline=_base_.test_pipeline_360),
            dict(_base_.uvo_val, pipeline=_base_.test_pipeline_360),
            dict(_base_.ovis_val, pipeline=_base_.test_pipeline_360),
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
