# The optimizer of the official IDOL: AdamW, a tenth of the learning rate for the backbone, the same
# weight decay for all, the gradient of the whole model clipped to length 0.01.
# Mixed precision: tools/train.py --amp.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=1e-4, betas=(0.9, 0.999), eps=1e-8),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=0.01, norm_type=2))

# 8 GPUs x 4 pairs; tools/train.py --auto-scale-lr scales the learning rate for other sizes
auto_scale_lr = dict(enable=False, base_batch_size=32)
