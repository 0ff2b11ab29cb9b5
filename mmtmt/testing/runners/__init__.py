"""One module per family of fixtures; importing this package registers all runners."""

from . import (
    backbones,
    building_blocks,
    evaluator,
    genvis,
    idol,
    mask2former_criterion,
    mask2former_head,
    mask2former_model,
    minvis,
    vita,
    vita_criterion,
)

__all__ = [
    'backbones',
    'building_blocks',
    'evaluator',
    'genvis',
    'idol',
    'mask2former_criterion',
    'mask2former_head',
    'mask2former_model',
    'minvis',
    'vita',
    'vita_criterion',
]
