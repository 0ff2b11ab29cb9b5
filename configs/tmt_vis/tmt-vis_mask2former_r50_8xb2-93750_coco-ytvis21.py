# TMT-VIS on Mask2Former-VIS, ResNet-50, trained on COCO's images as pseudo clips and on
# YouTube-VIS 2021.
_base_ = [
    '../_base_/models/tmt-vis_mask2former_r50.py', '../_base_/datasets/video_loaders.py',
    '../_base_/datasets/coco.py',
    '../_base_/datasets/ytvis21.py',
    '../_base_/schedules/adamw.py', '../_base_/schedules/iterations_93750.py',
    '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['coco', 'ytvis21']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_r50_coco-instance.pth'

train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                _base_.coco_train,
                pipeline=[dict(type='SampleClip', num_frames=2), *_base_.pseudo_clip_steps]),
            dict(_base_.ytvis21_train, pipeline=_base_.train_pipeline),
        ]),
    # of the sets in the order above, as VITA weighs them
    sampler=dict(ratios=[1, 0.8]))
val_dataloader = dict(dataset=dict(_base_.ytvis21_val, pipeline=_base_.test_pipeline_360))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis21=_base_.ytvis21_val.ann_file), format_only=['ytvis21'])
test_evaluator = val_evaluator
