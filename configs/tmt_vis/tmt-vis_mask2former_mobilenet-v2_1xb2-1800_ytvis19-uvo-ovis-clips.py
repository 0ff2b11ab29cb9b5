# A small TMT-VIS for a handful of real clips on a CPU: MobileNetV2 from ImageNet, joint training on
# folders in the formats of YTVIS19, UVO and OVIS. Put (or link) them to data/clips/{ytvis19,uvo,
# ovis}, each with train.json, valid.json and JPEGImages, and see docs/clips.md for results.
default_scope = 'mmtmt'
data_root = 'data/clips/'
weights = 'checkpoints/mobilenet_v2_imagenet_folded_fp16.npz'
text_bank = 'data/text_banks/clip_vitb32_bank.npz'
short_side = 224
max_iters = 1800

sets = ('ytvis19', 'uvo', 'ovis')
ratios = (1.0, 1.0, 1.0)  # the paper's 1:1:0.75 is for the full sets; here OVIS has the most clips

train_pipeline = [
    dict(type='SampleClip', num_frames=2, frame_range=10),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipResize', short_sides=short_side),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
test_pipeline = [dict(type='LoadFrames', short_side=short_side), dict(type='PackVideo')]

train_sets = [
    dict(
        type='VideoInstanceDataset', name=name, vocabulary=name, data_root=data_root + name,
        ann_file='train.json', data_prefix=dict(img='JPEGImages')) for name in sets
]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='RatioSampler', ratios=ratios),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(one, pipeline=train_pipeline) for one in train_sets]))
# both time ranges of the clips: the frames that were trained on, and the held ones
ranges = {'held': 'valid.json', 'trained': 'train.json'}
val_sets = [
    dict(
        type='VideoInstanceDataset', name=f'{name}-{range_name}', vocabulary=name,
        data_root=data_root + name, ann_file=ann_file, data_prefix=dict(img='JPEGImages'),
        test_mode=True) for range_name, ann_file in ranges.items() for name in sets
]
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset', datasets=[dict(one, pipeline=test_pipeline) for one in val_sets]))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='VideoInstanceMetric',
    ann_files={
        f'{name}-{range_name}': f'{data_root}{name}/{ann_file}'
        for range_name, ann_file in ranges.items() for name in sets
    })
test_evaluator = val_evaluator

embed_dims = 128
model = dict(
    type='Mask2FormerVIS',
    taxonomy=dict(vocabularies=list(sets)),
    text_bank=dict(path=text_bank),
    # the weights want pixels scaled to -1..1
    data_preprocessor=dict(
        type='ClipDataPreprocessor', mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    # the stages of strides 2 to 8 stay as ImageNet left them, which spares a tenth of a step
    backbone=dict(type='MobileNetV2', weights=weights, frozen_stages=2),
    pixel_decoder=dict(
        type='MSDeformAttnPixelDecoder', in_channels=[24, 32, 96, 320], feat_channels=embed_dims,
        out_channels=embed_dims, num_encoder_layers=3, feedforward_dims=512),
    decoder=dict(
        type='InjectionDecoder',
        decoder=dict(
            type='VideoMaskDecoder', num_queries=25, embed_dims=embed_dims, num_layers=6,
            feedforward_dims=512),
        compilation=dict(type='TaxonomyCompilation', num_selected=10, feedforward_dims=512),
        injection=dict(type='TaxonomyInjection', feedforward_dims=512)),
    criterion=dict(
        type='VideoSetCriterion', num_points=2048, label_space_loss='masked',
        taxonomy_loss='final'))

train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, custom_keys={
        'backbone': dict(lr_mult=0.1), 'query_feat': dict(decay_mult=0.0),
        'query_embed': dict(decay_mult=0.0), 'level_embed': dict(decay_mult=0.0)}),
    clip_grad=dict(max_norm=0.1))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=25),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=600, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
custom_hooks = [
    dict(type='NaNGuardHook'),
    dict(type='EMAHook', momentum=0.002, priority='ABOVE_NORMAL'),
]
randomness = dict(seed=0)
