# MinVIS, ResNet-50, on YouTube-VIS 2019.
_base_ = [
    '../_base_/models/mask2former-vis_r50.py', '../_base_/datasets/frame_loaders.py',
    '../_base_/datasets/ytvis19.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_6k.py', '../_base_/default_runtime.py'
]

model = dict(
    type='MinVIS',
    decoder=dict(type='FrameMaskDecoder'),
    taxonomy=dict(vocabularies=['ytvis19']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_r50_coco-instance.pth'

# 8 GPUs x 4 frames
auto_scale_lr = dict(base_batch_size=32)
train_dataloader = dict(dataset=dict(_base_.ytvis19_train, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ytvis19_val, pipeline=_base_.test_pipeline_360))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis19=_base_.ytvis19_val.ann_file), format_only=['ytvis19'])
test_evaluator = val_evaluator
