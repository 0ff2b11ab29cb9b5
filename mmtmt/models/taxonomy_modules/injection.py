"""Taxonomy Injection Module: write the compiled taxonomy into the queries."""
import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.models.layers import MultiheadAttention, feed_forward, xavier_init
from mmtmt.models.outputs import CompiledTaxonomy
from mmtmt.registry import MODELS

AGGREGATIONS = ('cross_attn', 'add', 'concat')
INITS = ('identity', 'post_norm')
POSITIONS = ('first', 'all')


class _CrossAttentionInjection(nn.Module):
    """Queries attend to the selected embeddings (TMT-VIS, equation 6).

    `identity`: X + block(LN(X)) whose last projections start at zero, so that nothing changes
    before training. `post_norm`: residuals and norms as in a Mask2Former layer.
    """

    def __init__(self, embed_dims: int, num_heads: int, feedforward_dims: int, init: str) -> None:
        super().__init__()
        self.identity = init == 'identity'
        self.cross_attn = MultiheadAttention(embed_dims, num_heads)
        self.ffn = feed_forward(embed_dims, feedforward_dims)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(2)])
        xavier_init(self)
        if self.identity:
            for last in (self.cross_attn.out_proj, self.ffn[-1]):
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)

    def forward(self, queries: Tensor, query_pos: Tensor, compiled: CompiledTaxonomy) -> Tensor:
        memory, blocked = compiled.embeddings, compiled.padding[:, None]
        if self.identity:
            attended = self.cross_attn(self.norms[0](queries) + query_pos, memory, memory, blocked)
            queries = queries + attended
            return queries + self.ffn(self.norms[1](queries))
        attended = self.cross_attn(queries + query_pos, memory, memory, blocked)
        queries = self.norms[0](queries + attended)
        return self.norms[1](queries + self.ffn(queries))


class _AddInjection(nn.Module):
    """The mean of the selected embeddings is projected and added to every query."""

    def __init__(self, embed_dims: int, init: str) -> None:
        super().__init__()
        self.projection = nn.Linear(embed_dims, embed_dims)
        self.norm = nn.Identity() if init == 'identity' else nn.LayerNorm(embed_dims)
        if init == 'identity':
            nn.init.zeros_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)

    def forward(self, queries: Tensor, query_pos: Tensor, compiled: CompiledTaxonomy) -> Tensor:
        weight = (~compiled.padding).to(compiled.embeddings)
        weight = weight / weight.sum(dim=1, keepdim=True)
        pooled = torch.einsum('bn,bnc->bc', weight, compiled.embeddings)
        return self.norm(queries + self.projection(pooled)[:, None])


@MODELS.register_module()
class TaxonomyInjection(BaseModule):
    """Injects the compiled taxonomy before the first decoder layer, or before each.

    Args:
        embed_dims: C.
        num_layers: Layers of the decoder.
        num_selected: N_T, for the positions of concatenated queries.
        aggregation: `cross_attn`; `add`, the projected mean is added; `concat`, the
            embeddings become N_T further queries, which predict as well. `concat` is for decoders
            whose queries are not carried over frames. (TMT-VIS, table 7.)
        init: `identity` starts as no change at all, `post_norm` as the paper's
            equation reads; None is `identity`, but for `concat`, which has no block to start.
        positions: `first` injects before layer 1, `all` before each layer with own weights.
        num_heads: Attention heads of `cross_attn`.
        feedforward_dims: Hidden width of the feed-forward block of `cross_attn`.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, *, embed_dims: int, num_layers: int, num_selected: int,
                 aggregation: str = 'cross_attn', init: str | None = None,
                 positions: str = 'first', num_heads: int = 8, feedforward_dims: int = 2048,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f'injection.aggregation: expected one of {AGGREGATIONS}, got {aggregation!r}')
        if positions not in POSITIONS:
            raise ValueError(f'injection.positions: expected one of {POSITIONS}, got {positions!r}')
        if aggregation == 'concat':
            if init is not None or positions != 'first':
                raise ValueError("injection.aggregation='concat' adds queries once and has no "
                                 "block to start: it needs init=None and positions='first', got "
                                 f'init={init!r} and positions={positions!r}')
            self.query_embed = nn.Embedding(num_selected, embed_dims)
            self.blocks = nn.ModuleList()
            return
        init = 'identity' if init is None else init
        if init not in INITS:
            raise ValueError(f'injection.init: expected one of {INITS}, got {init!r}')
        self.blocks = nn.ModuleList(
            _CrossAttentionInjection(embed_dims, num_heads, feedforward_dims, init)
            if aggregation == 'cross_attn' else _AddInjection(embed_dims, init)
            for _ in range(1 if positions == 'first' else num_layers))

    @property
    def adds_queries(self) -> bool:
        """Whether the selected embeddings become queries of their own."""
        return not self.blocks

    def forward(self, compiled: CompiledTaxonomy, layer: int, queries: Tensor,
                query_pos: Tensor) -> tuple[Tensor, Tensor]:
        """Inject before one layer of the decoder; layers without a block pass through.

        Args:
            compiled: N_T selected embeddings (B, N_T, C).
            layer: Index of the layer that follows, from 0.
            queries: (B, Q, C).
            query_pos: (B, Q, C).

        Returns:
            Queries and positions, (B, Q, C), or (B, Q + N_T, C) once
            embeddings were concatenated.
        """
        if self.adds_queries:
            return (queries, query_pos) if layer else self._concat(compiled, queries, query_pos)
        if layer < len(self.blocks):
            queries = self.blocks[layer](queries, query_pos, compiled)
        return queries, query_pos

    def _concat(self, compiled: CompiledTaxonomy, queries: Tensor,
                query_pos: Tensor) -> tuple[Tensor, Tensor]:
        # places without a category become plain learned queries: their content is zero
        content = compiled.embeddings.masked_fill(compiled.padding[..., None], 0.0)
        position = self.query_embed.weight[:content.shape[1]].expand(content.shape[0], -1, -1)
        return torch.cat((queries, content), dim=1), torch.cat((query_pos, position), dim=1)
