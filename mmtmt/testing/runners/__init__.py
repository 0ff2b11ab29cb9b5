"""One module per family of fixtures; importing this package registers all runners."""
from . import backbones, building_blocks, mask2former_criterion, mask2former_head

__all__ = ['backbones', 'building_blocks', 'mask2former_criterion', 'mask2former_head']
