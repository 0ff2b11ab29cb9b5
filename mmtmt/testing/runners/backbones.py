"""Runners of the backbone fixtures."""

from ..fixture import Difference, Fixture
from ..golden import register
from .common import build_component, converted_weights, evaluating


@register('resnet', 'swin')
def run_backbone(fixture: Fixture) -> list[Difference]:
    """Feature maps of strides 4, 8, 16 and 32 from a normalised image."""
    backbone = build_component('backbone', converted_weights(fixture))
    with evaluating(backbone):
        maps = backbone(fixture.input('input_image'))
    return [fixture.compare(f'res{level}', value) for level, value in enumerate(maps, start=2)]
