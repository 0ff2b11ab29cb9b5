# GenVIS, online, Swin-L, trained on COCO's images as pseudo clips and on YouTube-VIS 2021: 5
# clips of 1 frame, the detector frozen.
_base_ = [
    '../_base_/models/mask2former-vis_swin-l.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/datasets/ytvis21.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_90k.py', '../_base_/default_runtime.py'
]

model = dict(
    type='GenVIS',
    decoder=dict(type='FrameMaskDecoder'),
    frames_per_clip=1,
    freeze_detector=True,
    clip_decoder=dict(type='GenVISDecoder', num_queries=100),
    clip_criterion=dict(type='GenVISCriterion', num_points=12544),
    taxonomy=dict(vocabularies=['ytvis21']))
# what the recipe of this name trains
load_from = 'work_dirs/vita_swin-l_8xb1-187500_coco-ytvis21/iter_187500.pth'

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
                pipeline=[dict(type='SampleClip', num_frames=5), *_base_.pseudo_clip_steps]),
            dict(
                _base_.ytvis21_train,
                filter_cfg=dict(filter_empty=True),
                pipeline=[
                    dict(type='SampleClip', num_frames=5, frame_range=6),
                    *_base_.clip_steps
                ]),
        ]),
    # of the sets in the order above, as the official code weighs them
    sampler=dict(ratios=[1, 0.75]))
val_dataloader = dict(dataset=dict(_base_.ytvis21_val, pipeline=_base_.test_pipeline_448))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis21=_base_.ytvis21_val.ann_file), format_only=['ytvis21'])
test_evaluator = val_evaluator
