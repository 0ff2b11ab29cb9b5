"""The flattened feature levels of images of several sizes, as deformable transformers read them."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmtmt.models.utils.transfer import constant


@dataclass
class DeformableMemory:
    """Feature levels of N padded images, one after another.

    Attributes:
        tokens: (N, S, C), levels from the finest to the coarsest.
        spatial_shapes: (h, w) of each of the L levels; their areas add up to S.
        padding: (N, S) bool, True where a token lies outside of its image.
        valid_ratios: (N, L, 2), which part of each level's width and height the image takes.
    """

    tokens: Tensor
    spatial_shapes: list[tuple[int, int]]
    padding: Tensor
    valid_ratios: Tensor

    def levels(self) -> list[Tensor]:
        """The tokens as maps.

        Returns:
            (N, C, h, w) of each level, finest first.
        """
        return _split(self.tokens.transpose(1, 2), self.spatial_shapes)

    def level_padding(self) -> list[Tensor]:
        """The padding as maps.

        Returns:
            (N, h, w) bool of each level, finest first.
        """
        return _split(self.padding, self.spatial_shapes)

    def select(self, images: slice) -> 'DeformableMemory':
        """The memory of some of the images.

        Args:
            images: Which ones.

        Returns:
            Their memory.
        """
        return DeformableMemory(self.tokens[images], self.spatial_shapes, self.padding[images],
                                self.valid_ratios[images])


def flatten_levels(levels: Sequence[Tensor], padding: Sequence[Tensor]) -> DeformableMemory:
    """Put levels one after another.

    Args:
        levels: (N, C, h, w) each, finest first.
        padding: (N, h, w) bool each.

    Returns:
        The memory.
    """
    ratios = []
    for mask in padding:
        inside = ~mask
        height, width = mask.shape[-2:]
        ratios.append(torch.stack(
            (inside[:, 0].sum(1) / width, inside[:, :, 0].sum(1) / height), dim=-1))
    return DeformableMemory(
        torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2).contiguous(),
        [(level.shape[-2], level.shape[-1]) for level in levels],
        torch.cat([mask.flatten(1) for mask in padding], dim=1), torch.stack(ratios, dim=1))


def join_memories(memories: Sequence[DeformableMemory]) -> DeformableMemory:
    """The memory of all images.

    Args:
        memories: Of some images each, of the same shapes; at least one.

    Returns:
        One after the other.
    """
    if len(memories) == 1:
        return memories[0]
    return DeformableMemory(
        torch.cat([memory.tokens for memory in memories]), memories[0].spatial_shapes,
        torch.cat([memory.padding for memory in memories]),
        torch.cat([memory.valid_ratios for memory in memories]))


def padding_of_levels(sizes: Sequence[tuple[int, int]], padded_shape: tuple[int, int],
                      shapes: Sequence[tuple[int, int]], device: torch.device) -> list[Tensor]:
    """Where the levels of padded images hold no image, each by its nearest pixel.

    A level that is made from a coarse one follows the finest, as in the official code.

    Args:
        sizes: Height and width of N images before padding.
        padded_shape: Height and width after padding.
        shapes: (h, w) of each level, finest first; the last is made by the neck.
        device: Where to build it.

    Returns:
        (N, h, w) bool per level.
    """
    height, width = padded_shape
    y = torch.arange(height, device=device)
    x = torch.arange(width, device=device)
    limits = constant(sizes, x)
    outside = (y[:, None] >= limits[:, :1, None]) | (x >= limits[:, 1:, None])
    *own, extra = shapes
    levels = [_shrink(outside, shape) for shape in own]
    return [*levels, _shrink(levels[0], extra)]


def _shrink(mask: Tensor, shape: tuple[int, int]) -> Tensor:
    return F.interpolate(mask[:, None].float(), size=shape)[:, 0].bool()


def _split(flat: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    parts = flat.split([height * width for height, width in shapes], dim=-1)
    return [part.unflatten(-1, shape) for part, shape in zip(parts, shapes)]
