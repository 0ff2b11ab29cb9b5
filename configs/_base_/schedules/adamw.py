# The optimizer of the official Mask2Former: AdamW, a tenth of the learning rate for the backbone,
# no weight decay on norms and embeddings, the gradient of the whole model clipped to length 0.01.
# Mixed precision: tools/train.py --amp.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05, betas=(0.9, 0.999), eps=1e-8),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        # The longest key that a parameter's name holds wins, and wins over norm_decay_mult too:
        # hence the norms of a Swin Transformer one by one. ResNets don't train theirs.
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'backbone.patch_embed.norm': dict(lr_mult=0.1, decay_mult=0.0),
            'backbone.norm': dict(lr_mult=0.1, decay_mult=0.0),
            'downsample.norm': dict(lr_mult=0.1, decay_mult=0.0),
            'absolute_pos_embed': dict(lr_mult=0.1, decay_mult=0.0),
            'relative_position_bias_table': dict(lr_mult=0.1, decay_mult=0.0),
            **{
                f'backbone.stages.{stage}.blocks.{block}.norm': dict(lr_mult=0.1, decay_mult=0.0)
                for stage, depth in enumerate((2, 2, 18, 2)) for block in range(depth)
            },
            'query_feat': dict(decay_mult=0.0),
            'query_embed': dict(decay_mult=0.0),
            'level_embed': dict(decay_mult=0.0),
            'token_pos': dict(decay_mult=0.0),
        }),
    clip_grad=dict(max_norm=0.01, norm_type=2))

# 8 GPUs x 2 clips; tools/train.py --auto-scale-lr scales the learning rate for other sizes
auto_scale_lr = dict(enable=False, base_batch_size=16)
