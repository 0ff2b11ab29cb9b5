# TMT-VIS on Mask2Former-VIS, Swin-L, on YouTube-VIS 2021.
# Tested at a short side of 480; the official code took 360 for want of memory.
_base_ = [
    '../_base_/models/tmt-vis_mask2former_swin-l.py', '../_base_/datasets/video_loaders.py',
    '../_base_/datasets/ytvis21.py', '../_base_/schedules/adamw.py',
    '../_base_/schedules/iterations_8k.py', '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['ytvis21']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/mask2former_swin-l_coco-instance.pth'

train_dataloader = dict(dataset=dict(_base_.ytvis21_train, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ytvis21_val, pipeline=_base_.test_pipeline_480))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ytvis21=_base_.ytvis21_val.ann_file), format_only=['ytvis21'])
test_evaluator = val_evaluator
