"""From backbone maps to the features that decoders read."""
from .deformable_memory import (
    DeformableMemory,
    flatten_levels,
    join_memories,
    padding_of_levels,
)
from .mask_branch import MaskBranch
from .msdeform_pixel_decoder import MSDeformAttnPixelDecoder, PixelFeatures

__all__ = [
    'DeformableMemory', 'MSDeformAttnPixelDecoder', 'MaskBranch', 'PixelFeatures',
    'flatten_levels', 'join_memories', 'padding_of_levels'
]
