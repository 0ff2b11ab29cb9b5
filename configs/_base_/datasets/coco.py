# COCO 2017, named and laid out as downloaded; see docs/data_preparation.md. Its images take part in
# the training on videos as clips whose frames are one image, or train and test an image model.
coco_train = dict(
    type='CocoPseudoVideoDataset',
    ann_file='data/coco/annotations/instances_train2017.json',
    data_prefix=dict(img='data/coco/train2017'),
    # images with no instance to learn from are left out
    filter_cfg=dict(filter_empty=True))
coco_val = dict(
    type='CocoPseudoVideoDataset',
    ann_file='data/coco/annotations/instances_val2017.json',
    data_prefix=dict(img='data/coco/val2017'),
    test_mode=True)

# What follows dict(type='SampleClip', num_frames=T) in a clip that an image is made to: the crop
# moves and the frames turn, smoothly, as in the official VITA.
pseudo_clip_steps = [
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(
        type='ClipRandomApply',
        prob=0.5,
        transforms=[
            dict(type='ClipResize', short_sides=[400, 500, 600], interpolation='pillow'),
            dict(type='ClipCrop', size_range=(384, 600), moving=True),
        ]),
    dict(
        type='ClipResize',
        short_sides=[288, 320, 352, 384, 416, 448, 480, 512],
        max_size=768,
        interpolation='pillow'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='ClipRotate', max_degrees=15),
    dict(type='PackClip'),
]
# Large-scale jitter, for training an image model from ImageNet weights.
image_train_pipeline = [
    dict(type='SampleClip', num_frames=1),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipFlip', prob=0.5),
    dict(
        type='ClipLargeScaleJitter',
        size=(1024, 1024),
        scale_range=(0.1, 2.0),
        interpolation='pillow'),
    dict(type='PackClip'),
]
image_test_pipeline = [
    dict(type='LoadFrames', short_side=800, max_size=1333, interpolation='pillow'),
    dict(type='PackVideo'),
]
