# The label space of the released code in place of the union: UVO and OVIS are trained in the
# categories of YouTube-VIS 2019, and what has none there is left out.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(
    taxonomy=dict(vocabularies=['ytvis19']),
    # UVO and OVIS are tested in the categories that they share with YouTube-VIS 2019
    test_cfg=dict(unknown_categories='skip'))

train_dataloader = dict(
    dataset=dict(
        datasets=[
            _base_.train_dataloader.dataset.datasets[0],
            dict(_base_.train_dataloader.dataset.datasets[1], label_map=dict(target='ytvis19')),
            dict(_base_.train_dataloader.dataset.datasets[2], label_map=dict(target='ytvis19')),
        ]))
