# YouTube-VIS 2019, named and laid out as downloaded; see docs/data_preparation.md.
# The ground truth of valid.json is hidden: results are written for the server.
ytvis19_train = dict(
    type='YouTubeVISDataset',
    year=2019,
    ann_file='data/ytvis_2019/train.json',
    data_prefix=dict(img='data/ytvis_2019/train/JPEGImages'))
ytvis19_val = dict(
    type='YouTubeVISDataset',
    year=2019,
    ann_file='data/ytvis_2019/valid.json',
    data_prefix=dict(img='data/ytvis_2019/valid/JPEGImages'),
    test_mode=True)
