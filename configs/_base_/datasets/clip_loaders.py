# As video_loaders.py, for models of longer clips, with the sizes and crops of the official VITA.
_base_ = './video_loaders.py'

# what follows dict(type='SampleClip', ...) in a training clip
clip_steps = [
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
    dict(type='PackClip'),
]
# ResNets are tested at a short side of 360 pixels, Swin Transformers at 448.
test_pipeline_448 = [
    dict(type='LoadFrames', short_side=448, max_size=1333, interpolation='pillow'),
    dict(type='PackVideo'),
]
