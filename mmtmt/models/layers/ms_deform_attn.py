"""Multi-scale deformable attention without compiled code of our own.

Every query reads, per head, a few points of every feature level and adds them up with learned weights (Zhu et
al., Deformable DETR, equation 3).
"""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def deformable_attention(value: Tensor, spatial_shapes: list[tuple[int, int]], locations: Tensor,
                         weights: Tensor) -> Tensor:
    """Weighted sum of bilinearly interpolated points of every level.

    Points outside of a level read zeros; pixel centres lie at half-integer positions.

    Args:
        value: Features of all levels, one after another, (N, S, heads, d).
        spatial_shapes: (height, width) of each of the L levels; their areas add up to S.
        locations: Points as fractions of a level's width and height, (N, Lq, heads, L, P, 2), x first.
        weights: Weight of each point, (N, Lq, heads, L, P).

    Returns:
        (N, Lq, heads * d), the heads one after another.
    """
    num, _, heads, dim = value.shape
    _, queries, _, levels, points, _ = locations.shape
    grids = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (N * heads, Lq, L, P, 2)
    weights = weights.transpose(1, 2).reshape(num * heads, 1, queries, levels, points)
    total = 0
    for level, (part, (height, width)) in enumerate(
            zip(value.split([h * w for h, w in spatial_shapes], dim=1), spatial_shapes)):
        maps = part.permute(0, 2, 3, 1).reshape(num * heads, dim, height, width)
        read = F.grid_sample(maps, grids[:, :, level], mode='bilinear', padding_mode='zeros',
                             align_corners=False)  # (N * heads, d, Lq, P)
        total = total + (read * weights[..., level, :]).sum(-1)
    return total.view(num, heads * dim, queries).transpose(1, 2)


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
            raise ValueError(f'embed_dims must be a multiple of num_heads, got {embed_dims} and {num_heads}')
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_points = num_points
        samples = num_heads * num_levels * num_points
        self.sampling_offsets = nn.Linear(embed_dims, samples * 2)
        self.attention_weights = nn.Linear(embed_dims, samples)
        self.value_proj = nn.Linear(embed_dims, embed_dims)
        self.output_proj = nn.Linear(embed_dims, embed_dims)
        self.init_weights()

    def init_weights(self) -> None:
        """Start as the official layer: each head looks in its own direction, point p at p + 1 pixels."""
        nn.init.zeros_(self.sampling_offsets.weight)
        angles = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.num_points + 1)
        bias = directions[:, None, None] * steps[:, None]  # (heads, 1, P, 2)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(bias.expand(-1, self.num_levels, -1, -1).reshape(-1))
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, query: Tensor, reference_points: Tensor, value: Tensor,
                spatial_shapes: list[tuple[int, int]], key_padding_mask: Tensor | None = None) -> Tensor:
        """Attend; always in float32, also under autocast, because offsets of pixels need its precision.

        Args:
            query: (N, Lq, C).
            reference_points: Points (N, Lq, L, 2) or boxes (N, Lq, L, 4) as centre x, y, width, height, all as
                fractions of the levels.
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
                x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
                for x in (query, reference_points, value))
            value = self.value_proj(value)
            if key_padding_mask is not None:
                value = value.masked_fill(key_padding_mask[..., None], 0)
            value = value.unflatten(-1, (self.num_heads, -1))
            shape = (self.num_heads, self.num_levels, self.num_points)
            offsets = self.sampling_offsets(query).unflatten(-1, (*shape, 2))
            weights = self.attention_weights(query).unflatten(-1, (self.num_heads, -1))
            weights = weights.softmax(-1).unflatten(-1, shape[1:])
            locations = self._locations(reference_points, offsets, spatial_shapes)
            return self.output_proj(deformable_attention(value, spatial_shapes, locations, weights))

    def _locations(self, reference: Tensor, offsets: Tensor, spatial_shapes: list[tuple[int, int]]) -> Tensor:
        reference = reference[:, :, None, :, None]
        if reference.shape[-1] == 2:
            sizes = offsets.new_tensor([(w, h) for h, w in spatial_shapes])
            return reference + offsets / sizes[:, None]
        # an offset of P pixels reaches the edge of the box
        return reference[..., :2] + offsets * (reference[..., 2:] * (0.5 / self.num_points))

    def _check(self, reference: Tensor, value: Tensor, spatial_shapes: list[tuple[int, int]]) -> None:
        if len(spatial_shapes) != self.num_levels:
            raise ValueError(f'expected {self.num_levels} levels, got spatial_shapes {spatial_shapes}')
        area = sum(h * w for h, w in spatial_shapes)
        if area != value.shape[1]:
            raise ValueError(f'spatial_shapes {spatial_shapes} hold {area} positions, value has {value.shape[1]}')
        if reference.shape[-1] not in (2, 4):
            raise ValueError(f'reference_points must end in 2 or 4, got shape {tuple(reference.shape)}')
