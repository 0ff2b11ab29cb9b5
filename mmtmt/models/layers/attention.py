"""Attention and feed-forward blocks of the decoders (post-norm, batch first)."""
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .linear import TokenLinear, TokenReLU, token_linear


class MultiheadAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` whose boolean mask is shared by the heads instead of copied per head.

    Parameters, names and initialisation are those of the parent, so that official checkpoints fit.

    Args:
        embed_dims: C.
        num_heads: Heads; C is a multiple of it.
        dropout: Probability that a weight counts as zero in training.
    """

    def __init__(self, embed_dims: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__(embed_dims, num_heads, dropout=dropout, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor,
                blocked: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            query: (B, Q, C).
            key: (B, S, C).
            value: (B, S, C).
            blocked: bool, broadcastable to (B, Q, S); True where a query must not
                look. No row may be blocked entirely.

        Returns:
            (B, Q, C).
        """
        heads = [self._heads(x, part) for part, x in enumerate((query, key, value))]
        allowed = None if blocked is None else ~blocked[:, None]
        attended = F.scaled_dot_product_attention(
            *heads, attn_mask=allowed, dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def over_blocks(self, query: Tensor, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Attend to keys and values that come in blocks, as if to all of them at once.

        The softmax is summed up as it goes on (Online normalizer calculation for softmax, arXiv
        1805.02867), so that memory is that of one block.

        Args:
            query: (B, Q, C).
            blocks: At least one pair of keys and values (B, S_i, C).

        Returns:
            (B, Q, C).
        """
        query = self._heads(query, 0) * self.head_dim ** -0.5
        # in mixed precision the sums over all blocks stay in float32, or they would stop growing
        highest = query.new_full((*query.shape[:3], 1), float('-inf'), dtype=torch.float32)
        total, attended = torch.zeros_like(highest), torch.zeros_like(query, dtype=torch.float32)
        for key, value in blocks:
            logits = (query @ self._heads(key, 1).transpose(2, 3)).float()
            before, highest = highest, torch.maximum(highest, logits.amax(3, keepdim=True))
            weights, decay = (logits - highest).exp_(), (before - highest).exp()
            total = total * decay + weights.sum(3, keepdim=True)
            attended = attended * decay + (weights.to(query) @ self._heads(value, 2)).float()
        return self.out_proj((attended / total).to(query).transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """Project queries, keys or values: (B, S, C) to (B, heads, S, C / heads)."""
        x = token_linear(
            x, self.in_proj_weight.chunk(3)[part], self.in_proj_bias.chunk(3)[part])
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)


def feed_forward(embed_dims: int, hidden_dims: int) -> nn.Sequential:
    """Two linear layers with a ReLU between, the feed-forward block of a transformer layer."""
    return nn.Sequential(
        TokenLinear(embed_dims, hidden_dims),
        TokenReLU(),
        TokenLinear(hidden_dims, embed_dims))


def perceptron(embed_dims: int, out_dims: int, hidden_layers: int = 2) -> nn.Sequential:
    """Linear layers with ReLUs between; the linear ones are at 0, 2, 4, ...

    Args:
        embed_dims: C, width of the input and of the hidden layers.
        out_dims: Width of the output.
        hidden_layers: Layers before the last.

    Returns:
        The layers.
    """
    layers: list[nn.Module] = []
    for _ in range(hidden_layers):
        layers += [nn.Linear(embed_dims, embed_dims), TokenReLU()]
    return nn.Sequential(*layers, nn.Linear(embed_dims, out_dims))


def xavier_init(module: nn.Module) -> None:
    """Fill every matrix of a module with Xavier-uniform values, as DETR-like decoders do."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


class SelfAttentionLayer(nn.Module):
    """Self-attention and feed-forward, post-norm.

    Args:
        embed_dims: C.
        num_heads: Attention heads.
        feedforward_dims: Hidden width of the feed-forward block.
    """

    def __init__(self, embed_dims: int, num_heads: int, feedforward_dims: int) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(embed_dims, num_heads)
        self.ffn = feed_forward(embed_dims, feedforward_dims)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(2)])

    def forward(self, tokens: Tensor) -> Tensor:
        """Let tokens attend to each other.

        Args:
            tokens: (B, S, C).

        Returns:
            (B, S, C).
        """
        tokens = self.norms[0](tokens + self.self_attn(tokens, tokens, tokens))
        return self.norms[1](tokens + self.ffn(tokens))


class DecoderLayer(nn.Module):
    """Cross-attention, self-attention and feed-forward, post-norm: a layer of Mask2Former.

    Args:
        embed_dims: C.
        num_heads: Attention heads.
        feedforward_dims: Hidden width of the feed-forward block.
    """

    def __init__(self, embed_dims: int, num_heads: int, feedforward_dims: int) -> None:
        super().__init__()
        self.cross_attn = MultiheadAttention(embed_dims, num_heads)
        self.self_attn = MultiheadAttention(embed_dims, num_heads)
        self.ffn = feed_forward(embed_dims, feedforward_dims)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(3)])

    def forward(self, queries: Tensor, query_pos: Tensor, keys: Tensor, values: Tensor,
                blocked: Tensor | None = None) -> Tensor:
        """Refine queries.

        Args:
            queries: (B, Q, C).
            query_pos: (B, Q, C).
            keys: (B, S, C), with their positions.
            values: (B, S, C).
            blocked: As for MultiheadAttention.

        Returns:
            (B, Q, C).
        """
        attended = self.cross_attn(queries + query_pos, keys, values, blocked)
        return self._refine(queries, query_pos, attended)

    def over_blocks(self, queries: Tensor, query_pos: Tensor,
                    blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Refine queries by keys and values that come in blocks, as if by all of them at once.

        Args:
            queries: (B, Q, C).
            query_pos: (B, Q, C).
            blocks: As for MultiheadAttention.

        Returns:
            (B, Q, C).
        """
        attended = self.cross_attn.over_blocks(queries + query_pos, blocks)
        return self._refine(queries, query_pos, attended)

    def _refine(self, queries: Tensor, query_pos: Tensor, attended: Tensor) -> Tensor:
        """All that follows the cross-attention."""
        queries = self.norms[0](queries + attended)
        positioned = queries + query_pos
        queries = self.norms[1](queries + self.self_attn(positioned, positioned, queries))
        return self.norms[2](queries + self.ffn(queries))
