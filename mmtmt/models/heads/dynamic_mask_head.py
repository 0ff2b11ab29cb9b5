"""Masks by small convolutions whose weights each query makes up itself (CondInst, IDOL)."""
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmtmt.models.layers import perceptron

STRIDE = 8  # of the mask features, in pixels
UPSAMPLING = 2  # from the mask features to the masks


class DynamicLayer(NamedTuple):
    """One generated 1x1 convolution of n instances.

    Attributes:
        weight: (n, out, in).
        bias: (n, out, 1).
    """

    weight: Tensor
    bias: Tensor


def dynamic_layers(parameters: Tensor, channels: Sequence[int]) -> list[DynamicLayer]:
    """Cut generated parameters into layers: the weights of all layers, then their biases.

    Args:
        parameters: (n, P).
        channels: Of the input, behind each hidden layer, of the output.

    Returns:
        The layers.
    """
    pairs = list(zip(channels[1:], channels[:-1]))
    sizes = [rows * columns for rows, columns in pairs] + [rows for rows, _ in pairs]
    parts = parameters.split(sizes, dim=1)
    weights = [part.unflatten(1, pair) for part, pair in zip(parts, pairs)]
    return [DynamicLayer(weight, bias[..., None])
            for weight, bias in zip(weights, parts[len(pairs):])]


def pixel_locations(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """Where the pixels of a feature map lie in the image.

    Args:
        height: Of the map.
        width: Of the map.
        stride: Of the map, in pixels.
        device: Where to build it.

    Returns:
        (height * width, 2), x first, in pixels of the image.
    """
    y = torch.arange(height, device=device) * stride + stride // 2
    x = torch.arange(width, device=device) * stride + stride // 2
    grid = torch.stack((x.expand(height, width), y[:, None].expand(height, width)), dim=-1)
    return grid.flatten(0, 1).float()


def aligned_bilinear(maps: Tensor, factor: int) -> Tensor:
    """Upsample so that the pixels of the input keep their places, the first at `factor // 2`.

    Args:
        maps: (N, C, h, w).
        factor: Whole number from 2.

    Returns:
        (N, C, factor * h, factor * w).
    """
    height, width = (factor * size for size in maps.shape[-2:])
    maps = F.pad(maps, (0, 1, 0, 1), mode='replicate')
    maps = F.interpolate(maps, size=(height + 1, width + 1), mode='bilinear', align_corners=True)
    maps = F.pad(maps, (factor // 2, 0, factor // 2, 0), mode='replicate')
    return maps[..., :height, :width]


class DynamicMaskHead(nn.Module):
    """Runs three generated 1x1 convolutions per instance over features and relative positions.

    Args:
        embed_dims: C of the queries.
        feature_channels: Of the mask features.
        hidden_channels: Between the generated layers.
    """

    def __init__(self, *, embed_dims: int = 256, feature_channels: int = 8,
                 hidden_channels: int = 8) -> None:
        super().__init__()
        self.channels = (feature_channels + 2, hidden_channels, hidden_channels, 1)
        count = sum(rows * columns + rows
                    for rows, columns in zip(self.channels[1:], self.channels[:-1]))
        self.controller = perceptron(embed_dims, count)
        for layer in self.controller[::2]:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, queries: Tensor, references: Tensor) -> Tensor:
        """Masks of some queries of one image.

        Args:
            features: (C_mask, h, w) of stride 8.
            queries: (n, C).
            references: (n, 2) points in pixels of the image, x first.

        Returns:
            (n, 2h, 2w) logits of stride 4.
        """
        return self.run(features, references, self.controller(queries))

    def run(self, features: Tensor, references: Tensor, parameters: Tensor) -> Tensor:
        """Apply generated parameters, in float32 also under autocast, which places in pixels need.

        Args:
            features: (C_mask, h, w) of stride 8.
            references: (n, 2) points in pixels of the image, x first.
            parameters: (n, P).

        Returns:
            (n, 2h, 2w) logits of stride 4.
        """
        height, width = features.shape[-2:]
        first, *others = dynamic_layers(parameters.float(), self.channels)
        # the input is (reference - location, features): the location goes into the product with
        # the features, which all instances share, and the reference into the bias
        locations = pixel_locations(height, width, STRIDE, features.device).t()
        shared = torch.cat((-locations, features.float().flatten(1)))
        with torch.autocast(features.device.type, enabled=False):
            bias = first.bias + first.weight[..., :2] @ references.float()[..., None]
            hidden = torch.matmul(first.weight, shared) + bias
            for layer in others:
                hidden = torch.baddbmm(layer.bias, layer.weight, F.relu(hidden))
        logits = hidden.unflatten(-1, (height, width))
        if not len(logits):  # F.pad refuses a batch of nothing
            return logits.new_zeros(0, UPSAMPLING * height, UPSAMPLING * width) + logits.sum()
        return aligned_bilinear(logits, UPSAMPLING)[:, 0]
