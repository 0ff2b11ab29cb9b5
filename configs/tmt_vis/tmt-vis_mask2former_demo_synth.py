# TMT-VIS at the size of a demonstration: trained from nothing on three generated sets whose
# taxonomies conflict, in minutes on two CPU cores. `make demo` runs it; nothing is downloaded.
default_scope = 'mmtmt'
data_root = 'data/synth/'
image_size = (96, 160)
clip_frames = 2
clips_per_step = 4
max_iters = 650
warmup_iters = 150  # classes alone, see SemanticWarmupHook

sets = ('synth_ytvis', 'synth_uvo', 'synth_ovis')
ratios = (1.0, 1.0, 0.75)  # YTVIS : UVO : OVIS, the paper's table 5

train_pipeline = [
    dict(type='SampleClip', num_frames=clip_frames, frame_range=5),
    dict(type='LoadClip'),
    dict(type='LoadTubes'),
    dict(type='ClipFlip', prob=0.5),
    dict(type='PackClip'),
]
test_pipeline = [dict(type='LoadFrames', size=image_size), dict(type='PackVideo')]

train_dataloader = dict(
    batch_size=clips_per_step,
    num_workers=0,
    sampler=dict(type='RatioSampler', ratios=ratios),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='VideoInstanceDataset', name=name, vocabulary=name, data_root=data_root + name,
                ann_file='train.json', data_prefix=dict(img='JPEGImages'),
                pipeline=train_pipeline) for name in sets
        ]))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='VideoInstanceDataset', name=name, vocabulary=name, data_root=data_root + name,
                ann_file='valid.json', data_prefix=dict(img='JPEGImages'), test_mode=True,
                pipeline=test_pipeline) for name in sets
        ]))
test_dataloader = val_dataloader
valid_files = {name: f'{data_root}{name}/valid.json' for name in sets}
train_files = {name: f'{data_root}{name}/train.json' for name in sets}
val_evaluator = [
    dict(type='VideoInstanceMetric', ann_files=valid_files),
    dict(type='TaxonomyRecall', ann_files=valid_files, train_files=train_files),
]
test_evaluator = val_evaluator

embed_dims = 128
model = dict(
    type='Mask2FormerVIS',
    taxonomy=dict(vocabularies=list(sets)),
    text_bank=dict(path='minilm'),
    data_preprocessor=dict(type='ClipDataPreprocessor', pad_size_divisor=32),
    backbone=dict(
        type='mmdet.ResNet', depth=18, base_channels=24, num_stages=4, out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN'), norm_eval=False, style='pytorch'),
    pixel_decoder=dict(
        type='MSDeformAttnPixelDecoder', in_channels=[24, 48, 96, 192], feat_channels=embed_dims,
        out_channels=embed_dims, num_encoder_layers=1, feedforward_dims=256),
    decoder=dict(
        type='InjectionDecoder',
        decoder=dict(
            type='VideoMaskDecoder', num_queries=20, embed_dims=embed_dims, num_layers=3,
            feedforward_dims=256),
        # the finest level and five categories: objects are small, and a set has 13 to 19 categories
        compilation=dict(
            type='TaxonomyCompilation', num_selected=5, feature_levels=(2, ), feedforward_dims=256),
        injection=dict(type='TaxonomyInjection', feedforward_dims=256)),
    criterion=dict(
        type='VideoSetCriterion', num_points=384, label_space_loss='masked',
        taxonomy_loss='final'),
    auxiliary_head=dict(type='SemanticHead', in_channels=embed_dims, loss_weight=10.0))

train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={
        f'decoder.{part}.': dict(lr_mult=0.5) for part in ('decoder', 'compilation', 'injection')}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=warmup_iters,
         end=warmup_iters + 20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=warmup_iters + 20, end=max_iters,
         eta_min=1e-5),
]
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=max_iters, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
custom_hooks = [
    dict(type='NaNGuardHook'),
    dict(type='SemanticWarmupHook', num_iters=warmup_iters),
]
randomness = dict(seed=0)
