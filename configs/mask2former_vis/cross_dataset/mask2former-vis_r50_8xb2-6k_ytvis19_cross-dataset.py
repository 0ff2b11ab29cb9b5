# Table 3, row 1: Mask2Former-VIS trained on YouTube-VIS 2019, tested on all three sets.
_base_ = '../mask2former-vis_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(
    taxonomy=dict(vocabularies=['ytvis19']),
    # a category of a test set that was never trained gets no predictions: it counts as missed
    test_cfg=dict(unknown_categories='skip'))

train_dataloader = dict(
    dataset=dict(datasets=_base_.train_dataloader.dataset.datasets[:1]),
    sampler=dict(ratios=[1]))
train_cfg = dict(max_iters=6000, val_interval=6000)
param_scheduler = dict(end=6000, milestones=[4000])
