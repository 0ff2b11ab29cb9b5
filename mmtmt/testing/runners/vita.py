"""Runners of VITA: clip module, criterion, images to results, a training step."""

import torch

from mmtmt.models.decoders import ClipOutputs
from mmtmt.models.outputs import mask_logits

from ..fixture import Difference, Fixture
from ..golden import register
from .common import build_component, converted_weights


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
