# MinVIS, ResNet-50, trained on YouTube-VIS 2019, UVO and OVIS at once,
# without any taxonomy modules: the other arm of the comparison with TMT-VIS on MinVIS.
_base_ = [
    '../_base_/models/mask2former-vis_r50.py', '../_base_/datasets/frame_loaders.py',
    '../_base_/datasets/ytvis19.py', '../_base_/datasets/uvo.py', '../_base_/datasets/ovis.py',
    '../_base_/schedules/adamw.py', '../_base_/schedules/iterations_16k.py',
    '../_base_/default_runtime.py'
]

model = dict(
    type='MinVIS',
    decoder=dict(type='FrameMaskDecoder'),
    taxonomy=dict(vocabularies=['ytvis19', 'uvo', 'ovis']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_r50_coco-instance.pth'

# 8 GPUs x 4 frames
auto_scale_lr = dict(base_batch_size=32)
train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.ytvis19_train, pipeline=_base_.train_pipeline),
            dict(_base_.uvo_train, pipeline=_base_.train_pipeline),
            dict(_base_.ovis_train, pipeline=_base_.train_pipeline),
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
