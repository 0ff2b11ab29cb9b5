# GenVIS, online, ResNet-50, trained on COCO's images as pseudo clips and on OVIS: 5 clips of
# 1 frame, the detector frozen.
_base_ = [
    '../_base_/models/mask2former-vis_r50.py', '../_base_/datasets/clip_loaders.py',
    '../_base_/datasets/coco.py', '../_base_/datasets/ovis.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_140k.py', '../_base_/default_runtime.py'
]

model = dict(
    type='GenVIS',
    decoder=dict(type='FrameMaskDecoder'),
    frames_per_clip=1,
    freeze_detector=True,
    clip_decoder=dict(type='GenVISDecoder', num_queries=100),
    clip_criterion=dict(type='GenVISCriterion', num_points=12544),
    taxonomy=dict(vocabularies=['ovis']),
    test_cfg=dict(max_per_video=20))
# what the recipe of this name trains
load_from = 'work_dirs/vita_r50_8xb1-150k_coco-ovis/iter_150000.pth'

# 8 GPUs x 1 clip
optim_wrapper = dict(optimizer=dict(lr=5e-5))
auto_scale_lr = dict(base_batch_size=8)
# the official drop; iterations_140k.py has that of YouTube-VIS 2019
param_scheduler = dict(milestones=[100000])
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            # images take the labels of the videos; what has none there is left out
            dict(
                _base_.coco_train,
                label_map=dict(target='ovis'),
                pipeline=[dict(type='SampleClip', num_frames=5), *_base_.pseudo_clip_steps]),
            dict(
                _base_.ovis_train,
                filter_cfg=dict(filter_empty=True),
                pipeline=[
                    dict(type='SampleClip', num_frames=5, frame_range=6),
                    *_base_.clip_steps
                ]),
        ]),
    # of the sets in the order above, as the official code weighs them
    sampler=dict(ratios=[1, 0.25]))
val_dataloader = dict(dataset=dict(_base_.ovis_val, pipeline=_base_.test_pipeline_360))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ovis=_base_.ovis_val.ann_file), format_only=['ovis'])
test_evaluator = val_evaluator
