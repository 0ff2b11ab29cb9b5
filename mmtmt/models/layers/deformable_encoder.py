"""The encoder of deformable transformers, with the parameter names of mmdet's."""
import torch
from torch import Tensor, nn

from .attention import xavier_init
from .linear import TokenLinear, TokenReLU, add_tokens
from .ms_deform_attn import MSDeformAttn, Shapes


class FeedForward(nn.Module):
    """Feed-forward block with the parameter names of mmcv's (`layers.0.0`, `layers.1`).

    Args:
        embed_dims: C.
        hidden_dims: Width between the two linear layers.
        dropout: Probability after either layer.
    """

    def __init__(self, embed_dims: int, hidden_dims: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Sequential(TokenLinear(embed_dims, hidden_dims), TokenReLU(),
                          nn.Dropout(dropout)),
            TokenLinear(hidden_dims, embed_dims), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block, without residual.

        Args:
            x: (..., C).

        Returns:
            (..., C).
        """
        return self.layers(x)


class _EncoderLayer(nn.Module):
    """Deformable self-attention and feed-forward, each with residual and post-norm."""

    def __init__(self, embed_dims: int, num_heads: int, num_levels: int, num_points: int,
                 feedforward_dims: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.self_attn = MSDeformAttn(
            embed_dims=embed_dims, num_heads=num_heads, num_levels=num_levels,
            num_points=num_points)
        self.dropout = nn.Dropout(dropout)
        self.ffn = FeedForward(embed_dims, feedforward_dims, dropout)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(2)])

    def forward(self, tokens: Tensor, position: Tensor, reference_points: Tensor,
                spatial_shapes: Shapes, padding: Tensor | None) -> Tensor:
        attended = self.self_attn(
            tokens + position, reference_points, tokens, spatial_shapes, padding)
        tokens = self.norms[0](add_tokens(self.dropout(attended), tokens))
        return self.norms[1](add_tokens(self.ffn(tokens), tokens))


class DeformableEncoder(nn.Module):
    """A stack of deformable layers over the tokens of all levels.

    Args:
        num_layers: Layers.
        embed_dims: C.
        num_heads: Attention heads.
        num_levels: Feature levels L.
        num_points: Sampling points per head and level.
        feedforward_dims: Hidden width of the feed-forward blocks.
        dropout: Probability.
    """

    def __init__(self, num_layers: int, *, embed_dims: int = 256, num_heads: int = 8,
                 num_levels: int = 4, num_points: int = 4, feedforward_dims: int = 1024,
                 dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList([
            _EncoderLayer(embed_dims, num_heads, num_levels, num_points, feedforward_dims, dropout)
            for _ in range(num_layers)
        ])

    def reset_parameters(self) -> None:
        """Initialise as the official code does."""
        xavier_init(self)
        for layer in self.layers:
            layer.self_attn.init_weights()

    def forward(self, tokens: Tensor, position: Tensor, spatial_shapes: Shapes,
                valid_ratios: Tensor | None = None, padding: Tensor | None = None) -> Tensor:
        """Encode.

        Args:
            tokens: Pixels of all levels, one after another, (N, S, C).
            position: Added to the queries, broadcastable to (N, S, C).
            spatial_shapes: (h, w) of each level.
            valid_ratios: (N, L, 2), which part of each level's width and height is no padding;
                None where all of it is.
            padding: (N, S) bool, True where a token is padding; None for none.

        Returns:
            (N, S, C).
        """
        centres = pixel_centres(spatial_shapes, tokens.device)
        # one image's points serve the whole batch and every level
        reference_points = centres[None, :, None].expand(
            tokens.shape[0], -1, len(spatial_shapes), -1)
        if valid_ratios is not None:
            # as fractions of the image, then of each level with its padding
            own = torch.cat([
                ratio.expand(-1, height * width, -1) for ratio, (height, width)
                in zip(valid_ratios.split(1, dim=1), spatial_shapes)], dim=1)
            reference_points = reference_points / own[:, :, None] * valid_ratios[:, None]
        for layer in self.layers:
            tokens = layer(tokens, position, reference_points, spatial_shapes, padding)
        return tokens


def pixel_centres(spatial_shapes: Shapes, device: torch.device) -> Tensor:
    """Normalised (x, y) of every pixel centre of every level.

    Args:
        spatial_shapes: (h, w) per level.
        device: Where to build it.

    Returns:
        (sum of h * w, 2) in (0, 1).
    """
    centres = []
    for height, width in spatial_shapes:
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        centres.append(torch.stack(
            (x.expand(height, width), y[:, None].expand(height, width)), dim=-1).flatten(0, 1))
    return torch.cat(centres)
