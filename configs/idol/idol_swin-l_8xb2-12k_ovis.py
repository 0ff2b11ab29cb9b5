# IDOL, Swin-L, on OVIS.
_base_ = [
    '../_base_/models/idol_swin-l.py', '../_base_/datasets/pair_loaders.py',
    '../_base_/datasets/ovis.py', '../_base_/schedules/adamw_idol.py',
    '../_base_/schedules/iterations_12k.py', '../_base_/default_runtime.py'
]

model = dict(taxonomy=dict(vocabularies=['ovis']))
# made from the official checkpoint as README.md says
load_from = 'checkpoints/idol_swin-l_coco-pretrain.pth'

# 8 GPUs x 2 pairs
auto_scale_lr = dict(base_batch_size=16)
train_dataloader = dict(
    batch_size=2, dataset=dict(_base_.ovis_train, pipeline=_base_.train_pipeline_ovis))
val_dataloader = dict(dataset=dict(_base_.ovis_val, pipeline=_base_.test_pipeline_720))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_files=dict(ovis=_base_.ovis_val.ann_file), format_only=['ovis'])
test_evaluator = val_evaluator
