# TMT-VIS on Mask2Former-VIS with a ResNet-50: the model of mask2former-vis_r50.py, its decoder
# wrapped in an InjectionDecoder. A recipe adds `taxonomy.vocabularies`.
model = dict(
    type='Mask2FormerVIS',
    # `default` merges names of one meaning (motorbike and motorcycle) into one row of the union
    taxonomy=dict(aliases='default'),
    # Embeddings of the category names. The paper reads CLIP's; `minilm` (a sentence encoder) comes
    # with the package. Another bank: --cfg-options model.text_bank.path=FILE
    # The three steps of whitening keep the rows of nearly parallel embeddings apart.
    text_bank=dict(path='minilm', center=True, normalize=True, scale=True),
    # what a training clip's taxonomy is compiled from: union, sample (its own set's), mixed
    candidates='union',
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
        type='InjectionDecoder',
        decoder=dict(
            type='VideoMaskDecoder',
            num_queries=100,
            embed_dims=256,
            num_layers=9,
            feedforward_dims=2048,
            classifier='linear'),
        # Taxonomy Compilation Module (equations 2 to 5)
        compilation=dict(
            type='TaxonomyCompilation',
            adapter_dims=128,
            num_selected=10,
            num_layers=2,
            feedforward_dims=2048,
            # stride 32; the paper doesn't say which level of the pixel decoder
            feature_levels=(0, ),
            # The paper doesn't say how the scores learn. Nothing else gives them a gradient.
            score_supervision='bce'),
        # Taxonomy Injection Module (equation 6)
        injection=dict(
            type='TaxonomyInjection',
            aggregation='cross_attn',
            # starts as no change at all, so that the COCO weights of the base count from step 1
            init='identity',
            positions='first',
            feedforward_dims=2048)),
    criterion=dict(
        type='VideoSetCriterion',
        num_points=12544,
        class_weight=2.0,
        mask_weight=5.0,
        dice_weight=5.0,
        no_object_weight=0.1,
        label_space_loss='union',
        taxonomy_loss='final',
        taxonomy_weight=0.5,
        score_weight=0.5),
    test_cfg=dict(
        vocabulary='given',
        # a number, or one by vocabulary: dict(ovis=20)
        max_per_video=dict(default=10),
        # The official code decodes a video of any length at once, and its memory grows with it.
        # Here longer videos are decoded in clips of this many frames, whose queries are linked.
        clip_length=36))
