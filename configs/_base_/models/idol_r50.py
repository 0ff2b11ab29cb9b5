# IDOL (arXiv 2207.10661) with a ResNet-50. A recipe adds `taxonomy.vocabularies`.
model = dict(
    type='IDOL',
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
        out_indices=(1, 2, 3),
        # the stem and the first stage stay as they are, and so do all batch norms
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='pytorch',
        init_cfg=None),  # `load_from` of the recipe gives these weights
    # strides 8, 16, 32, and one of 64 from the last map of the backbone
    neck=dict(
        type='mmdet.ChannelMapper',
        in_channels=[512, 1024, 2048],
        out_channels=256,
        kernel_size=1,
        bias=True,
        norm_cfg=dict(type='GN', num_groups=32),
        act_cfg=None,
        num_outs=4),
    encoder=dict(num_layers=6, feedforward_dims=1024, dropout=0.1),
    num_queries=300,
    decoder=dict(
        type='DeformableDecoder',
        embed_dims=256,
        num_layers=6,
        feedforward_dims=1024,
        dropout=0.1),
    criterion=dict(
        type='DetectionCriterion',
        class_weight=2.0,
        l1_weight=5.0,
        giou_weight=2.0,
        mask_weight=2.0,
        dice_weight=5.0,
        reid_weight=2.0,
        reid_aux_weight=3.0,
        label_space_loss='union'),
    tracker=dict(
        type='MemoryBankTracker',
        mask_nms=0.5,
        init_score=0.2,
        new_score=0.2,
        memory_length=3,
        max_unseen=10),
    test_cfg=dict(
        vocabulary='given',
        # frames that are detected at a time; results do not depend on it
        frames_per_step=10,
        select_threshold=0.1,
        box_nms=0.9,
        # every category of a track above the threshold is a result of its own
        multi_label=True,
        class_threshold=0.05))
