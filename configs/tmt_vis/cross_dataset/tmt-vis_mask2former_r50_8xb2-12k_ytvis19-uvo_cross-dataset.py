# Table 3, row 12: TMT-VIS trained on YouTube-VIS 2019 and UVO, tested on all three sets.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(
    taxonomy=dict(vocabularies=['ytvis19', 'uvo']),
    # a category of a test set that was never trained gets no predictions: it counts as missed
    test_cfg=dict(unknown_categories='skip'))

train_dataloader = dict(
    dataset=dict(datasets=_base_.train_dataloader.dataset.datasets[:2]),
    sampler=dict(ratios=[1, 1]))
train_cfg = dict(max_iters=12000, val_interval=12000)
param_scheduler = dict(end=12000, milestones=[8000])
