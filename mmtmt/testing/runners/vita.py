"""Runners of VITA: clip module, criterion, images to results, a training step."""

import torch
from torch import Tensor

from mmtmt.models.decoders import ClipOutputs
from mmtmt.models.outputs import mask_logits
from mmtmt.models.vis import VITA
from mmtmt.structures.frame_source import ArrayFrameSource

from ..fixture import Difference, Fixture
from ..golden import register
from .common import build_component, converted_weights, evaluating, recording
from .mask2former_criterion import compare_matches, own_loss_name
from .mask2former_model import (
    build_model,
    compare_results,
    compare_step,
    criterion_config,
    make_video_sample,
    result_masks,
    training_losses,
)
from .vita_criterion import own_clip_loss_name


def build_clip_decoder(fixture: Fixture) -> torch.nn.Module:
    """The fixture's clip decoder, in the fixture's mode."""
    config = fixture.config
    decoder = build_component(
        'clip_decoder',
        converted_weights(fixture),
        num_heads=config.get('nheads', 8),
        window=config['enc_window_size'],
    )
    return decoder.train(config['training'])


def frame_queries(fixture: Fixture, name: str) -> torch.Tensor:
    """The queries of the last L layers of a frame decoder as clips; in eval mode of the last.

    Args:
        fixture: Its config has `B` and `training`.
        name: An input (L, B * T, Q_f, C).

    Returns:
        (L * B, T, Q_f, C).
    """
    queries = fixture.input(name)
    if not fixture.config['training']:
        queries = queries[-1:]
    return queries.unflatten(1, (fixture.config['B'], -1)).flatten(0, 1)


def compare_clip(
    fixture: Fixture, decoder: torch.nn.Module, outputs: ClipOutputs, prefix: str = ''
) -> list[Difference]:
    """Compare what a clip decoder made of a clip, as far as it is stored.

    Args:
        fixture: Its config has `B`.
        decoder: The clip decoder.
        outputs: Of the clip.
        prefix: What the stored names begin with.

    Returns:
        Differences.
    """
    frames, clips = decoder.similarity_embeds(outputs)
    last, auxiliary = outputs.predictions[-1], outputs.predictions[:-1]
    values = dict(
        pred_logits=last.class_logits,
        pred_mask_embed=last.mask_embeds,
        pred_fq_embed=frames,
        pred_cq_embed=clips,
    )
    for index, prediction in enumerate(auxiliary):
        values[f'aux_{index}_pred_logits'] = prediction.class_logits
        values[f'aux_{index}_pred_mask_embed'] = prediction.mask_embeds
    return [
        fixture.compare(prefix + name, value.unflatten(0, (-1, fixture.config['B'])))
        for name, value in values.items()
        if prefix + name in fixture
    ]


@register('vita_module')
def run_module(fixture: Fixture) -> list[Difference]:
    """Queries of frames to predictions, embeddings and masks of clips."""
    decoder = build_clip_decoder(fixture)
    queries = frame_queries(fixture, 'input_frame_query')
    stride4 = fixture.input('input_mask_features')  # (B, T, C, H, W)
    layers = len(queries) // len(stride4)
    with torch.no_grad():
        outputs = decoder(queries, auxiliary=fixture.config['training'])
        features = decoder.mask_feature(stride4.flatten(0, 1))
        clips = features.unflatten(0, stride4.shape[:2]).repeat(layers, 1, 1, 1, 1)
        masks = mask_logits(outputs.predictions[-1].mask_embeds, clips).transpose(1, 2)
        return [
            *compare_clip(fixture, decoder, outputs),
            fixture.compare('clip_mask_features', features),
            fixture.compare('pred_masks', masks.unflatten(0, (layers, -1))),
        ]


@register('vita_inference')
def run_inference(fixture: Fixture) -> list[Difference]:
    """Images to results, by the stream that users call too."""
    config = fixture.config
    model, _ = build_model(
        fixture,
        'VITA',
        'FrameMaskDecoder',
        test_cfg=dict(max_per_video=config['topk'], clip_length=config['frames']),
    )
    results, frames, clips = predict(fixture, model)
    prediction = clips[0].predictions[-1]
    return [
        fixture.compare('frame_queries', frames[None]),
        fixture.compare('pred_logits', prediction.class_logits[None]),
        fixture.compare('pred_mask_embed', prediction.mask_embeds[None]),
        *results,
    ]


def predict(fixture: Fixture, model: VITA) -> tuple[list[Difference], Tensor, list[ClipOutputs]]:
    """Predict the fixture's video.

    Args:
        fixture: Has images and results.
        model: The model.

    Returns:
        Differences of the results, the queries (T, Q_f, C) of all frames, and what the clip
        decoder made of each clip.
    """
    images, output_size = fixture.array('images_uint8'), tuple(fixture.config['output_hw'])
    sample = make_video_sample(len(images), images.shape[-2:], output_size)
    with (
        evaluating(model),
        recording(model.decoder, 'forward') as frames,
        recording(model.clip_decoder, 'forward') as clips,
    ):
        model.predict([ArrayFrameSource(images.transpose(0, 2, 3, 1))], [sample])
    tubes = sample.pred_tubes
    masks = result_masks(tubes, len(images), output_size)
    queries = torch.cat([outputs.predictions[-1].query_embeds for outputs in frames])
    return compare_results(fixture, tubes.scores, tubes.labels, masks), queries, clips


def build_training_model(fixture: Fixture, kind: str, **options) -> tuple[VITA, dict[str, str]]:
    """A model with the fixture's criteria.

    Args:
        fixture: Of a training step.
        kind: 'VITA' or 'GenVIS'.
        **options: Further arguments of the model.

    Returns:
        The model, and its keys' official names.
    """
    config = fixture.config
    clip_criterion = criterion_config(fixture, f'{kind}Criterion')
    return build_model(
        fixture,
        kind,
        'FrameMaskDecoder',
        criterion=criterion_config(fixture),
        clip_criterion=dict(clip_criterion, similarity_weight=config['sim_weight']),
        training_layers=config['last_layer_num'],
        **options,
    )


@register('vita_train')
def run_training(fixture: Fixture) -> list[Difference]:
    """One training step: losses, matches of frames and clips, the gradient of every parameter."""

    def own_name(official: str) -> str:
        if '_vita_' in official:
            return f'clip.{own_clip_loss_name(official)}'
        return own_loss_name(official)

    model, official = build_training_model(fixture, 'VITA')
    with (
        recording(model.criterion, 'match') as frames,
        recording(model.clip_criterion, 'match') as clips,
    ):
        losses = training_losses(fixture, model)
    return [
        *compare_matches(fixture, frames, 'frame_match'),
        *compare_matches(fixture, clips, 'clip_match'),
        *compare_step(fixture, model, official, losses, own_name),
    ]
