# TMT-VIS on Mask2Former-VIS, Swin-L, on OVIS.
_base_ = [
    '../_base_/models/tmt-vis_mask2former_swin-l.py', '../_base_/datasets/video_loaders.py',
    '../_base_/datasets/ovis.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_10k.py', '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['ovis']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_swin-l_coco-instance.pth'

train_dataloader = dict(dataset=dict(_base_.ovis_train, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ovis_val, pipeline=_base_.test_pipeline_480))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ovis=_base_.ovis_val.ann_file), format_only=['ovis'])
test_evaluator = val_evaluator
