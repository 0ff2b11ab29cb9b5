# Mask2Former-VIS (arXiv 2112.10764) with a ResNet-50. A recipe adds `taxonomy.vocabularies`.
model = dict(
    type='Mask2FormerVIS',
    # `default` merges names of one meaning (motorbike and motorcycle) into one row of the union
    taxonomy=dict(aliases='default'),
    data_preprocessor=dict(
        type='ClipDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=32),
    backbone=dict(
        type='mmdet.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        # every weight is trained, but batch norms keep their statistics and scales
        frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=None),  # `load_from` of the recipe gives these weights
    pixel_decoder=dict(
        type='MSDeformAttnPixelDecoder',
        in_channels=[256, 512, 1024, 2048],
        feat_channels=256,
        out_channels=256,
        num_encoder_layers=6,
        feedforward_dims=1024),
    decoder=dict(
        type='VideoMaskDecoder',
        num_queries=100,
        embed_dims=256,
        num_layers=9,
        feedforward_dims=2048),
    criterion=dict(
        type='VideoSetCriterion',
        num_points=12544,
        class_weight=2.0,
        mask_weight=5.0,
        dice_weight=5.0,
        no_object_weight=0.1,
        label_space_loss='union'),
    test_cfg=dict(
        vocabulary='given',
        # a number, or one by vocabulary: dict(ovis=20)
        max_per_video=dict(default=10),
        # The official code decodes a video of any length at once, and its memory grows with it.
        # Here longer videos are decoded in clips of this many frames, whose queries are linked.
        clip_length=36))
