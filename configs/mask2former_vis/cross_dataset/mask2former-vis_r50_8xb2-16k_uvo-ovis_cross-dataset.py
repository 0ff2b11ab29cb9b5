# Table 3, row 6: Mask2Former-VIS trained on UVO and OVIS, tested on all three sets.
_base_ = '../mask2former-vis_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(
    taxonomy=dict(vocabularies=['uvo', 'ovis']),
    # a category of a test set that was never trained gets no predictions: it counts as missed
    test_cfg=dict(unknown_categories='skip'))

train_dataloader = dict(
    dataset=dict(datasets=_base_.train_dataloader.dataset.datasets[1:]),
    sampler=dict(ratios=[1, 0.75]))
