# TMT-VIS on Mask2Former-VIS, ResNet-50, trained on COCO's images as pseudo clips and on
# UVO and YouTube-VIS 2019.
_base_ = [
    '../_base_/models/tmt-vis_mask2former_r50.py', '../_base_/datasets/video_loaders.py',
    '../_base_/datasets/coco.py',
    '../_base_/datasets/uvo.py',
    '../_base_/datasets/ytvis19.py',
    '../_base_/schedules/adamw.py', '../_base_/schedules/iterations_70k.py',
    '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['coco', 'uvo', 'ytvis19']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_r50_coco-instance.pth'

train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                _base_.coco_train,
                pipeline=[dict(type='SampleClip', num_frames=2), *_base_.pseudo_clip_steps]),
            dict(_base_.uvo_train, pipeline=_base_.train_pipeline),
            dict(_base_.ytvis19_train, pipeline=_base_.train_pipeline),
        ]),
    # of the sets in the order above, as the released TMT-VIS code weighs them
    sampler=dict(ratios=[1, 0.75, 0.75]))
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
    # their ground truth is hidden: results are written for the servers
    format_only=['ytvis19'])
test_evaluator = val_evaluator
