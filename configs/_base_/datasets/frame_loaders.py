# As video_loaders.py, but a training clip is a single frame: for models that train on images.
_base_ = './video_loaders.py'
train_pipeline = [
    dict(type='SampleClip', num_frames=1),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipResize', short_sides=[360, 480], max_size=1333, interpolation='pillow'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
train_dataloader = dict(batch_size=4)
