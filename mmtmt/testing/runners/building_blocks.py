"""Runner of the small parts: deformable attention, point sampling, position encodings."""

import torch

from mmtmt.models.layers import MSDeformAttn, sine_position_2d, sine_position_3d
from mmtmt.models.losses.point_sampling import draw_points, sample_points, uncertain_points

from ..fixture import Difference, Fixture
from ..golden import register
from .common import evaluating, least_certain_first
from .idol_blocks import run_idol_blocks


@register('building_blocks')
def run_building_blocks(fixture: Fixture) -> list[Difference]:
    """The parts that Mask2Former and IDOL are made of."""
    return [
        *_deformable_attention(fixture),
        *_position_encodings(fixture),
        *_uncertain_points(fixture),
        *run_idol_blocks(fixture),
    ]


def _deformable_attention(fixture: Fixture) -> list[Difference]:
    sizes = fixture.config['attn']
    shapes = [tuple(shape) for shape in sizes['levels']]
    attention = MSDeformAttn(
        embed_dims=sizes['dim'],
        num_heads=sizes['heads'],
        num_levels=len(shapes),
        num_points=sizes['points'],
    )
    weights = fixture.weights('attn.')
    attention.load_state_dict(
        {key.removeprefix('attn.'): torch.from_numpy(value) for key, value in weights.items()}
    )
    query, value = fixture.input('input_attn_query'), fixture.input('input_attn_value')
    cases = {
        'attn_out_ref2': (fixture.input('attn_ref2'), None),
        'attn_out_ref4_padded': (fixture.input('attn_ref4'), fixture.input('attn_padding')),
    }
    with evaluating(attention):
        return [
            fixture.compare(name, attention(query, reference, value, shapes, padding))
            for name, (reference, padding) in cases.items()
        ]


def _position_encodings(fixture: Fixture) -> list[Difference]:
    channels, *size = fixture.info['arrays']['pos2d']['shape'][1:]
    frames = fixture.info['arrays']['pos3d']['shape'][1]
    return [
        fixture.compare('pos2d', sine_position_2d(channels, *size)[None]),
        fixture.compare('pos3d', sine_position_3d(channels, frames, *size)[None]),
    ]


def _uncertain_points(fixture: Fixture) -> list[Difference]:
    settings = fixture.config['points']
    logits = fixture.input('input_point_logits')
    with fixture.replayed_rand():
        draws = draw_points(
            len(logits),
            settings['num_points'],
            settings['oversample'],
            settings['importance'],
            logits.device,
        )
    points = least_certain_first(logits, uncertain_points(logits, draws), draws)
    return [
        fixture.compare('points', points, absolute=1e-6, relative=0),
        fixture.compare('points_values', sample_points(logits, points)),
    ]
