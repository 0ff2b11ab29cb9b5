# MinVIS, Swin-L, on OVIS.
_base_ = [
    '../_base_/models/mask2former-vis_swin-l.py', '../_base_/datasets/frame_loaders.py',
    '../_base_/datasets/ovis.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_10k.py', '../_base_/default_runtime.py'
]

model = dict(
    type='MinVIS',
    decoder=dict(type='FrameMaskDecoder'),
    taxonomy=dict(vocabularies=['ovis']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_swin-l_coco-instance.pth'

# 8 GPUs x 4 frames
auto_scale_lr = dict(base_batch_size=32)
train_dataloader = dict(dataset=dict(_base_.ovis_train, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ovis_val, pipeline=_base_.test_pipeline_480))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ovis=_base_.ovis_val.ann_file), format_only=['ovis'])
test_evaluator = val_evaluator
