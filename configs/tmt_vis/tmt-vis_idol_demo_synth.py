# TMT-VIS on IDOL at the size of the demonstration. The backbone and the taxonomy modules start from
# the weights that `make demo` trains.
_base_ = './tmt-vis_mask2former_demo_synth.py'
max_iters = 4000
embed_dims = 128

load_from = 'work_dirs/demo/iter_650.pth'
allow_unexpected = ['auxiliary_head.', 'decoder.decoder.', 'pixel_decoder.']
model = dict(
    _delete_=True,
    type='IDOL',
    taxonomy=dict(vocabularies=list(_base_.sets)),
    text_bank=dict(path='minilm'),
    data_preprocessor=dict(type='ClipDataPreprocessor', pad_size_divisor=32),
    backbone=dict(
        type='mmdet.ResNet', depth=18, base_channels=24, num_stages=4, out_indices=(1, 2, 3),
        norm_cfg=dict(type='BN'), norm_eval=False, style='pytorch'),
    neck=dict(
        type='mmdet.ChannelMapper', in_channels=[48, 96, 192], out_channels=embed_dims,
        kernel_size=1, bias=True, norm_cfg=dict(type='GN', num_groups=32), act_cfg=None,
        num_outs=4),
    encoder=dict(num_layers=1, feedforward_dims=256),
    decoder=dict(
        type='InjectionDecoder',
        decoder=dict(
            type='DeformableDecoder', embed_dims=embed_dims, num_layers=3, feedforward_dims=256,
            dropout=0.0),
        compilation=dict(
            type='TaxonomyCompilation', num_selected=5, feature_levels=(2, ), feedforward_dims=256),
        injection=dict(type='TaxonomyInjection', feedforward_dims=256)),
    num_queries=60,
    criterion=dict(
        type='DetectionCriterion', label_space_loss='masked', taxonomy_loss='final'))

train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
# positions that are read start well and shall move slowly, as in Deformable DETR
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(custom_keys={
        'backbone': dict(lr_mult=0.3),
        'sampling_offsets': dict(lr_mult=0.1),
        'reference_points_fc': dict(lr_mult=0.1)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = [dict(type='NaNGuardHook')]
