# UVO v1.0, densely annotated videos with labels: the 80 categories of COCO and `other`; see
# docs/data_preparation.md. The ground truth of both splits is public.
uvo_train = dict(
    type='UVODataset',
    ann_file='data/uvo/VideoDenseSet/UVO_video_train_dense_with_label.json',
    data_prefix=dict(img='data/uvo/uvo_videos_dense_frames'))
uvo_val = dict(
    type='UVODataset',
    ann_file='data/uvo/VideoDenseSet/UVO_video_val_dense_with_label.json',
    data_prefix=dict(img='data/uvo/uvo_videos_dense_frames'),
    test_mode=True)
