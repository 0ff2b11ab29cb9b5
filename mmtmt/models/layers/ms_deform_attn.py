"""Multi-scale deformable attention without compiled code of our own.

Every query reads, per head, a few points of every feature level and adds them up with learned
weights (Zhu et al., Deformable DETR, equation 3).
"""
import functools
import importlib
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmtmt.models.utils.transfer import constant

from .linear import TokenLinear, token_linear
from .sparse_sampling import LARGEST_ROW, SparseSampling, Table

Shapes = list[tuple[int, int]]
HALF = (torch.float16, torch.bfloat16)


def deformable_attention(value: Tensor, spatial_shapes: Shapes, locations: Tensor,
                         weights: Tensor) -> Tensor:
    """Weighted sum of bilinearly interpolated points of every level.

    Points outside of a level read zeros; pixel centres lie at half-integer positions. Half
    precision is computed in float32. On a CPU the sum is a sparse product (``sparse_sampling``), on
    a GPU mmcv's operator is used when mmcv was built with it.

    Args:
        value: Features of all levels, one after another, (N, S, heads, d).
        spatial_shapes: (height, width) of each of the L levels; their areas add up to S.
        locations: Points as fractions of a level's width and height, x first,
            (N, Lq, heads, L, P, 2).
        weights: Weight of each point, (N, Lq, heads, L, P).

    Returns:
        (N, Lq, heads * d), the heads one after another.
    """
    if value.dtype in HALF:
        result = deformable_attention(value.float(), spatial_shapes, locations.float(),
                                      weights.float())
        return result.to(value.dtype)
    if value.device.type != 'cpu':
        return _sample_locations(value, spatial_shapes, locations, weights)
    size = constant(spatial_shapes, value).flip(-1)[:, None]
    x, y = (locations * size - 0.5).flatten(2, 4).unbind(-1)
    return _sample_pixels(value, spatial_shapes, x, y, weights.flatten(2))


def _sample_pixels(value: Tensor, spatial_shapes: Shapes, x: Tensor, y: Tensor,
                   weights: Tensor) -> Tensor:
    """On a CPU; x, y in pixels, 0 is the centre of the first; (N, Lq, heads * L * P) each."""
    heads = value.shape[2]
    table = Table.build(spatial_shapes, heads, x.shape[-1] // (heads * len(spatial_shapes)), x)
    if table.rows >= LARGEST_ROW:
        raise ValueError(f'feature levels {spatial_shapes} are too large for {heads} heads: '
                         f'{table.rows} rows, at most {LARGEST_ROW} can be numbered')
    return SparseSampling.apply(value, x, y, weights, table)


def _sample_locations(value: Tensor, spatial_shapes: Shapes, locations: Tensor,
                      weights: Tensor) -> Tensor:
    """On other devices; shapes as in :func:`deformable_attention`."""
    compiled = _compiled_function() if value.is_cuda else None
    if compiled is None:
        return grid_sample_attention(value, spatial_shapes, locations, weights)
    shapes = constant(spatial_shapes, value, torch.int64)
    starts = shapes.prod(-1).cumsum(0) - shapes.prod(-1)
    return compiled.apply(value.contiguous(), shapes, starts, locations.contiguous(),
                          weights.contiguous(), len(value))


def grid_sample_attention(value: Tensor, spatial_shapes: Shapes, locations: Tensor,
                          weights: Tensor) -> Tensor:
    """The plain form of :func:`deformable_attention`, for every device; shapes as there."""
    num, _, heads, dim = value.shape
    queries, levels, points = locations.shape[1], *locations.shape[3:5]
    grids = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (N * heads, Lq, L, P, 2)
    weights = weights.transpose(1, 2).reshape(num * heads, 1, queries, levels, points)
    total = value.new_zeros(num * heads, dim, queries)
    parts = value.split([height * width for height, width in spatial_shapes], dim=1)
    for level, (part, (height, width)) in enumerate(zip(parts, spatial_shapes)):
        maps = part.permute(0, 2, 3, 1).reshape(num * heads, dim, height, width)
        read = F.grid_sample(maps, grids[:, :, level], mode='bilinear', padding_mode='zeros',
                             align_corners=False)  # (N * heads, d, Lq, P)
        total = total + (read * weights[..., level, :]).sum(-1)
    return total.view(num, heads * dim, queries).transpose(1, 2)


@functools.cache
def _compiled_function() -> type[torch.autograd.Function] | None:
    """mmcv's operator; None where mmcv is absent or built without operators or without CUDA."""
    try:
        extension = importlib.import_module('mmcv._ext')
    except ImportError:
        return None
    if not getattr(extension, '__file__', None):  # a stand-in that lets mmdet be imported
        return None
    if extension.get_compiling_cuda_version() == 'not available':
        return None
    operator = importlib.import_module('mmcv.ops.multi_scale_deform_attn')
    return operator.MultiScaleDeformableAttnFunction


class MSDeformAttn(nn.Module):
    """Multi-scale deformable attention layer, without the residual connection.

    Parameter names and shapes are those of the official layer.

    Args:
        embed_dims: Channels C of queries and values; a multiple of ``num_heads``.
        num_heads: Number of heads.
        num_levels: Number of feature levels L.
        num_points: Points P that a head reads in each level.
    """

    def __init__(self, *, embed_dims: int = 256, num_heads: int = 8, num_levels: int = 3,
                 num_points: int = 4) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims must be a multiple of num_heads, got {embed_dims} and {num_heads}')
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_points = num_points
        samples = num_heads * num_levels * num_points
        self.sampling_offsets = TokenLinear(embed_dims, samples * 2)
        self.attention_weights = TokenLinear(embed_dims, samples)
        self.value_proj = TokenLinear(embed_dims, embed_dims)
        self.output_proj = TokenLinear(embed_dims, embed_dims)
        self.init_weights()

    def init_weights(self) -> None:
        """Start as the official layer: a head looks in its own direction, p + 1 pixels far."""
        nn.init.zeros_(self.sampling_offsets.weight)
        angles = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.num_points + 1)
        bias = directions[:, None, None] * steps[:, None]  # (heads, 1, P, 2)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(bias.expand(-1, self.num_levels, -1, -1).flatten())
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, query: Tensor, reference_points: Tensor, value: Tensor,
                spatial_shapes: Shapes, key_padding_mask: Tensor | None = None) -> Tensor:
        """Attend; half precision and autocast run in float32, which positions in pixels need.

        Args:
            query: (N, Lq, C).
            reference_points: Points (N, Lq, L, 2) or boxes (N, Lq, L, 4) as centre x, y, width,
                height, all as fractions of the levels.
            value: Features of all levels, one after another, (N, S, C).
            spatial_shapes: (height, width) of each level.
            key_padding_mask: (N, S), True where the value is padding and reads as zero.

        Returns:
            (N, Lq, C).

        Raises:
            ValueError: A shape does not fit.
        """
        self._check(reference_points, value, spatial_shapes)
        with torch.autocast(query.device.type, enabled=False):
            query, reference_points, value = (
                x.float() if x.dtype in HALF else x for x in (query, reference_points, value))
            value = self.value_proj(value)
            if key_padding_mask is not None:
                value = value.masked_fill(key_padding_mask[..., None], 0)
            value = value.unflatten(-1, (self.num_heads, -1))
            weights = self._weights(query)
            x, y = self._positions(query, reference_points, spatial_shapes)
            sample = _sample_pixels if value.device.type == 'cpu' else self._sample_elsewhere
            return self.output_proj(sample(value, spatial_shapes, x, y, weights))

    def _weights(self, query: Tensor) -> Tensor:
        """Weights (N, Lq, heads * L * P) that sum to one over the points of a head."""
        logits = self.attention_weights(query)
        points = self.num_levels * self.num_points
        # over the first dimension PyTorch vectorises it: 4 ms instead of 17 for 2 frames
        return logits.reshape(-1, points).t().softmax(0).t().reshape(logits.shape)

    def _positions(self, query: Tensor, reference: Tensor,
                   spatial_shapes: Shapes) -> tuple[Tensor, Tensor]:
        """Sampled points in pixels, 0 is the centre of the first: x and y, (N, Lq, heads * L * P).

        An offset is a number of pixels; with reference boxes, P of it are half the box.
        """
        # x and y apart, so that all later arithmetic runs over contiguous memory
        layer = self.sampling_offsets
        offset = token_linear(
            query, layer.weight.unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1),
            layer.bias.unflatten(0, (-1, 2)).t().flatten())
        offset = offset.unflatten(-1, (2, self.num_heads, self.num_levels, self.num_points))

        def per_point(per_level: Tensor) -> Tensor:  # (N, Lq, L, 2) -> (N, Lq, 2, 1, L, 1)
            return per_level.transpose(2, 3)[:, :, :, None, :, None]

        size = constant(spatial_shapes, reference).flip(-1)
        if reference.shape[-1] == 4:
            offset = offset * per_point(reference[..., 2:] * size * (0.5 / self.num_points))
        x, y = (offset + per_point(reference[..., :2] * size - 0.5)).flatten(3).unbind(2)
        return x, y

    def _sample_elsewhere(self, value: Tensor, spatial_shapes: Shapes, x: Tensor, y: Tensor,
                          weights: Tensor) -> Tensor:
        shape = (self.num_heads, self.num_levels, self.num_points)
        size = constant(spatial_shapes, value).flip(-1)[:, None]
        locations = (torch.stack([x, y], dim=-1).unflatten(2, shape) + 0.5) / size
        return _sample_locations(value, spatial_shapes, locations, weights.unflatten(2, shape))

    def _check(self, reference: Tensor, value: Tensor, spatial_shapes: Shapes) -> None:
        if len(spatial_shapes) != self.num_levels:
            raise ValueError(
                f'expected {self.num_levels} levels, got spatial_shapes {spatial_shapes}')
        area = sum(height * width for height, width in spatial_shapes)
        if area != value.shape[1]:
            raise ValueError(f'spatial_shapes {spatial_shapes} hold {area} positions, '
                             f'value has {value.shape[1]}')
        if reference.shape[-1] not in (2, 4):
            raise ValueError(
                f'reference_points must end in 2 or 4, got shape {tuple(reference.shape)}')
