# YouTube-VIS 2021, named and laid out as downloaded; see docs/data_preparation.md.
# The ground truth of valid/instances.json is hidden: results are written for the server.
ytvis21_train = dict(
    type='YouTubeVISDataset',
    year=2021,
    ann_file='data/ytvis_2021/train/instances.json',
    data_prefix=dict(img='data/ytvis_2021/train/JPEGImages'))
ytvis21_val = dict(
    type='YouTubeVISDataset',
    year=2021,
    ann_file='data/ytvis_2021/valid/instances.json',
    data_prefix=dict(img='data/ytvis_2021/valid/JPEGImages'),
    test_mode=True)
