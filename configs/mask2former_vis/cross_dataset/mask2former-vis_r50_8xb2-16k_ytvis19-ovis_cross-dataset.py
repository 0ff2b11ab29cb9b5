# Table 3, row 4: Mask2Former-VIS trained on YouTube-VIS 2019 and OVIS, tested on all three sets.
_base_ = '../mask2former-vis_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(
    taxonomy=dict(vocabularies=['ytvis19', 'ovis']),
    # a category of a test set that was never trained gets no predictions: it counts as missed
    test_cfg=dict(unknown_categories='skip'))

train_dataloader = dict(
    dataset=dict(datasets=_base_.train_dataloader.dataset.datasets[::2]),
    sampler=dict(ratios=[1, 0.75]))
