"""Parameter-free sine position encodings of Mask2Former, for images and for clips."""
import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0
EPSILON = 1e-6


def _sine_features(length: int, num_feats: int, device: torch.device) -> Tensor:
    """(length, num_feats) sines and cosines, interleaved, of 1..length scaled to (0, 2 pi]."""
    position = torch.arange(1, length + 1, dtype=torch.float32, device=device)
    position = position / (length + EPSILON) * (2 * math.pi)
    feature = torch.arange(num_feats, device=device)
    frequency = TEMPERATURE**(2 * torch.div(feature, 2, rounding_mode='floor') / num_feats)
    angle = position[:, None] / frequency
    return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)


def sine_position_2d(channels: int, height: int, width: int,
                     device: torch.device | str = 'cpu') -> Tensor:
    """Position encoding of an image without padding mask (official Mask2Former, normalised).

    Args:
        channels: C, even; the first half encodes y, the second half x.
        height: Rows of the feature map.
        width: Columns of the feature map.
        device: Where to build it.

    Returns:
        (C, height, width) float32.
    """
    half = channels // 2
    y = _sine_features(height, half, device).t()[:, :, None].expand(half, height, width)
    x = _sine_features(width, half, device).t()[:, None, :].expand(half, height, width)
    return torch.cat((y, x))


def sine_position_3d(channels: int, frames: int, height: int, width: int,
                     device: torch.device | str = 'cpu') -> Tensor:
    """Position encoding of a clip: the image encoding plus a full-width encoding of time.

    Args:
        channels: C, even.
        frames: T.
        height: Rows of the feature map.
        width: Columns of the feature map.
        device: Where to build it.

    Returns:
        (T, C, height, width) float32.
    """
    time = _sine_features(frames, channels, device)[:, :, None, None]
    return time + sine_position_2d(channels, height, width, device)
