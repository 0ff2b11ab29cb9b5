# TMT-VIS on IDOL with a Swin Transformer, large.
_base_ = './tmt-vis_idol_r50.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.SwinTransformer',
        pretrain_img_size=384,
        embed_dims=192,
        depths=(2, 2, 18, 2),
        num_heads=(6, 12, 24, 48),
        window_size=12,
        drop_path_rate=0.3,
        out_indices=(1, 2, 3),
        convert_weights=False,
        frozen_stages=-1,
        init_cfg=None),
    neck=dict(in_channels=[384, 768, 1536]))
