# How videos become training clips and test videos. Datasets are defined in the files beside this
# one; a recipe puts them together:
#   train_dataloader = dict(dataset=dict(_base_.ytvis19_train, pipeline=_base_.train_pipeline))

# Clips of 2 frames, at most 20 frames apart on either side of a reference frame.
# 'pillow' is the filter that the official code resizes with; 'bilinear' (OpenCV) is faster.
train_pipeline = [
    dict(type='SampleClip', num_frames=2, frame_range=20),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipResize', short_sides=[360, 480], max_size=1333, interpolation='pillow'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
# ResNets are tested at a short side of 360 pixels, Swin Transformers at 480.
test_pipeline_360 = [
    dict(type='LoadFrames', short_side=360, max_size=1333, interpolation='pillow'),
    dict(type='PackVideo'),
]
test_pipeline_480 = [
    dict(type='LoadFrames', short_side=480, max_size=1333, interpolation='pillow'),
    dict(type='PackVideo'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    # Endless, seeded, and resumed at its iteration; `ratios` weigh the sets of a ConcatDataset.
    sampler=dict(type='RatioSampler'))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader

# The recipe names the ground truth of each set.
val_evaluator = dict(type='VideoInstanceMetric')
test_evaluator = val_evaluator
