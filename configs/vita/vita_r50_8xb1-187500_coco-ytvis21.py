# VITA, ResNet-50, trained on COCO's images as pseudo clips and on YouTube-VIS 2021.
_base_ = [
    '../_base_/models/mask2former-vis_r50.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/datasets/ytvis21.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_187500.py', '../_base_/default_runtime.py'
]

model = dict(
    type='VITA',
    decoder=dict(type='FrameMaskDecoder'),
    clip_decoder=dict(type='VITADecoder', num_queries=100, window=6),
    clip_criterion=dict(type='VITACriterion', num_points=12544),
    taxonomy=dict(vocabularies=['ytvis21']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/vita_r50_coco.pth'

# 8 GPUs x 1 clip
optim_wrapper = dict(optimizer=dict(lr=5e-5))
auto_scale_lr = dict(base_batch_size=8)
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            # images take the labels of the videos; what has none there is left out
            dict(
                _base_.coco_train,
                label_map=dict(target='ytvis21'),
                pipeline=[dict(type='SampleClip', num_frames=6), *_base_.pseudo_clip_steps]),
            dict(
                _base_.ytvis21_train,
                filter_cfg=dict(filter_empty=True),
                pipeline=[
                    dict(type='SampleClip', num_frames=6, frame_range=8),
                    *_base_.clip_steps
                ]),
        ]),
    # of the sets in the order above, as the official code weighs them
    sampler=dict(ratios=[1, 0.8]))
val_dataloader = dict(dataset=dict(_base_.ytvis21_val, pipeline=_base_.test_pipeline_360))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis21=_base_.ytvis21_val.ann_file), format_only=['ytvis21'])
test_evaluator = val_evaluator
