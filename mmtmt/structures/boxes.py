"""Boxes around masks."""

from __future__ import annotations

import torch
from torch import Tensor


def boxes_of_masks(masks: Tensor) -> Tensor:
    """Box around every mask.

    Args:
        masks: (..., H, W) bool.

    Returns:
        (..., 4) float32: left, top, right and bottom edge in pixels of the smallest box that holds
        the mask; a mask of one pixel has a box of one by one, an empty mask zeros.

    Raises:
        ValueError: If `masks` aren't boolean, or have no pixels.
    """
    if masks.dtype != torch.bool or masks.ndim < 2 or not masks.shape[-1] * masks.shape[-2]:
        raise ValueError(
            f'expected masks (..., H, W) of bool, got {tuple(masks.shape)} of {masks.dtype}'
        )
    edges = []
    for axis in (-2, -1):
        # argmax takes no booleans
        line = masks.any(dim=axis).to(torch.uint8)
        edges.append((line.argmax(-1), line.shape[-1] - line.flip(-1).argmax(-1)))
    (left, right), (top, bottom) = edges
    boxes = torch.stack([left, top, right, bottom], dim=-1).float()
    return boxes * masks.flatten(-2).any(-1, keepdim=True)
