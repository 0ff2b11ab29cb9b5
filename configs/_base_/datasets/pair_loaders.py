# As video_loaders.py, but training clips are pairs of a key and a reference frame, at most 10
# frames apart, cropped half of the time, as in the official IDOL.
_base_ = './video_loaders.py'
train_pipeline = [
    dict(type='SampleClip', num_frames=2, frame_range=10),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipRandomApply', transforms=[dict(type='ClipCrop', size_range=(384, 600))],
         prob=0.5),
    dict(type='ClipResize', short_sides=[320, 352, 392, 416, 448, 480, 512, 544, 576, 608, 640],
         max_size=768, interpolation='pillow'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
# OVIS is trained and tested at a larger size
train_pipeline_ovis = [
    dict(type='SampleClip', num_frames=2, frame_range=10),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipRandomApply', transforms=[dict(type='ClipCrop', size_range=(384, 600))],
         prob=0.5),
    dict(type='ClipResize', short_sides=[480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800],
         max_size=1333, interpolation='pillow'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
# COCO's images, and the two views of one
view_steps = [
    dict(type='ClipFlip', prob=0.5),
    dict(
        type='ClipRandomApply',
        prob=0.5,
        transforms=[
            dict(type='ClipResize', short_sides=[400, 500, 600], interpolation='pillow'),
            dict(type='ClipCrop', size_range=(384, 600)),
        ]),
    dict(type='ClipResize', short_sides=[320, 352, 392, 416, 448, 480, 512, 544, 576, 608, 640],
         max_size=1333, interpolation='pillow'),
]
test_pipeline_640 = [
    dict(type='LoadFrames', short_side=640, max_size=1333, interpolation='pillow'),
    dict(type='PackVideo'),
]
test_pipeline_720 = [
    dict(type='LoadFrames', short_side=720, max_size=1333, interpolation='pillow'),
    dict(type='PackVideo'),
]
train_dataloader = dict(batch_size=4)
