# Zero-shot on OVIS, as in Table 12, but with a classifier that reads text
# embeddings, so that categories that were never trained can be predicted too. The paper does not
# have this.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(
    taxonomy=dict(vocabularies=['ytvis19', 'uvo']),
    # words outside the union are read from the text bank
    decoder=dict(decoder=dict(classifier='text')))

train_dataloader = dict(
    dataset=dict(datasets=_base_.train_dataloader.dataset.datasets[:2]),
    sampler=dict(ratios=[1, 1]))
train_cfg = dict(max_iters=12000, val_interval=12000)
param_scheduler = dict(end=12000, milestones=[8000])
