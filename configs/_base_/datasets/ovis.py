# OVIS, named and laid out as downloaded; see docs/data_preparation.md.
# annotations_valid.json came without ground truth: results are written for the server.
ovis_train = dict(
    type='OVISDataset',
    ann_file='data/ovis/annotations_train.json',
    data_prefix=dict(img='data/ovis/train'))
ovis_val = dict(
    type='OVISDataset',
    ann_file='data/ovis/annotations_valid.json',
    data_prefix=dict(img='data/ovis/valid'),
    test_mode=True)
