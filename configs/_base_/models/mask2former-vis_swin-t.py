# Mask2Former-VIS with a Swin Transformer, tiny.
_base_ = './mask2former-vis_r50.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.3,
        out_indices=(0, 1, 2, 3),
        convert_weights=False,
        frozen_stages=-1,
        init_cfg=None),
    pixel_decoder=dict(in_channels=[96, 192, 384, 768]))
