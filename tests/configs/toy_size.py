"""Configs made small: a model that trains in a fraction of a second, on generated videos."""

from pathlib import Path

from tests.configs.shipped import dataset_name, metrics_of, vocabulary_of

HEIGHT, WIDTH, FRAMES = 64, 96, 4
NUM_QUERIES = 5


def shrink_model(model):
    """Make a model's config small enough to train in a fraction of a second, in place.

    What the config chooses stays: types, aggregation, losses, N_T, vocabularies, frozen norms.
    Sizes shrink: the backbone to a few channels and the least depth of its kind, everything behind
    it to 32 channels, one encoder layer, two decoder layers, 5 queries and 32 points; videos
    of more than 2 frames are cut when testing. Files that the user has to provide aren't needed:
    weights are random, and a text bank that isn't there gives way to the shipped one.

    Raises:
        ValueError: If the backbone is of a kind that isn't known here.
    """
    backbone = model.backbone
    if backbone.type == 'mmdet.ResNet':
        # not 8: on processors with AVX-512 oneDNN 3.x writes beyond the gradients of strided 1x1
        # convolutions of 8 channels, for some sizes of maps, and the process aborts
        backbone.update(depth=18, base_channels=16)
        channels = [16, 32, 64, 128]
    elif backbone.type == 'mmdet.SwinTransformer':
        backbone.update(embed_dims=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), window_size=4)
        channels = [24, 48, 96, 192]
    elif backbone.type == 'MobileNetV2':
        backbone.update(widen_factor=0.25, weights=None)
        channels = [8, 8, 24, 80]
    else:
        raise ValueError(f'how to shrink a backbone of type {backbone.type}?')
    if backbone.get('init_cfg'):
        backbone.init_cfg = None
    if model.get('text_bank') and not Path(model.text_bank.path).is_file():
        model.text_bank.path = 'minilm'
    decoder = model.decoder
    if decoder.type == 'InjectionDecoder':
        decoder.compilation.update(adapter_dims=16, feedforward_dims=32)
        decoder.injection.update(feedforward_dims=32)
        decoder = decoder.decoder
    decoder.update(embed_dims=32, num_layers=2, feedforward_dims=32)
    if model.type == 'IDOL':
        model.neck.update(in_channels=channels[1:], out_channels=32)
        model.encoder.update(num_layers=1, feedforward_dims=32)
        model.num_queries = NUM_QUERIES
        return
    model.pixel_decoder.update(
        in_channels=channels, feat_channels=32, out_channels=32, num_encoder_layers=1,
        feedforward_dims=32)
    decoder.num_queries = NUM_QUERIES
    model.criterion.update(num_points=32)
    if 'clip_decoder' in model:
        model.clip_decoder.update(
            num_queries=NUM_QUERIES, embed_dims=32, num_encoder_layers=2, num_layers=2,
            feedforward_dims=32)
        model.clip_criterion.update(num_points=32)
        model.training_layers = 2
    if model.get('auxiliary_head'):
        model.auxiliary_head.update(in_channels=32)
    model.setdefault('test_cfg', {}).update(clip_length=2)


def shrink_data(cfg, toy_set):
    """Put generated videos in the place of every dataset, at 64 x 96 pixels, in place.

    Pipelines, samplers and the metric stay as configured.

    Args:
        cfg: The config.
        toy_set: Makes the files of a vocabulary: name -> (json file, folder of the frames).
    """
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        for dataset in loader.dataset.get('datasets', [loader.dataset]):
            ann_file, images = toy_set(vocabulary_of(dataset))
            dataset.update(data_root='', ann_file=ann_file, data_prefix=dict(img=images))
            shrink_steps(dataset.pipeline)
    for metric in metrics_of(cfg):
        for files in ('ann_files', 'train_files'):
            if files in metric:
                metric[files] = {
                    dataset_name(dataset): dataset.ann_file for dataset in
                    cfg.val_dataloader.dataset.get('datasets', [cfg.val_dataloader.dataset])
                }


def shrink_steps(steps):
    """Make frames small, in place."""
    for step in steps:
        if 'short_sides' in step:
            step.short_sides = [48, HEIGHT]
        elif 'short_side' in step:
            step.short_side = HEIGHT
        elif step.type == 'ClipLargeScaleJitter':
            step.size = (HEIGHT, WIDTH)
        elif step.type == 'ClipCrop':
            step.size_range = (32, HEIGHT)
        for part in ('transforms', 'first', 'then'):
            shrink_steps(step.get(part, []))
