# TMT-VIS on Mask2Former-VIS with a Swin Transformer, large, and 200 queries.
_base_ = './tmt-vis_mask2former_r50.py'
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
        out_indices=(0, 1, 2, 3),
        convert_weights=False,
        frozen_stages=-1,
        init_cfg=None),
    pixel_decoder=dict(in_channels=[192, 384, 768, 1536]),
    decoder=dict(decoder=dict(num_queries=200)))
