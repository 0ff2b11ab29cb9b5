"""Taxonomy Compilation Module: which categories may a clip hold?"""
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.models.layers import MultiheadAttention, feed_forward, sine_position_3d, xavier_init
from mmtmt.models.outputs import CategoryContext, CompiledTaxonomy
from mmtmt.registry import MODELS

SCORE_SUPERVISIONS = ('bce', 'gate', 'none')
MASK_FEATURES = 'mask'


class _CompilationBlock(nn.Module):
    """Category embeddings attend to the clip, post-norm (TMT-VIS, section 3.2)."""

    def __init__(self, embed_dims: int, num_heads: int, feedforward_dims: int) -> None:
        super().__init__()
        self.cross_attn = MultiheadAttention(embed_dims, num_heads)
        self.ffn = feed_forward(embed_dims, feedforward_dims)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(2)])

    def forward(self, embeddings: Tensor, keys: Tensor, values: Tensor,
                blocked: Tensor | None) -> Tensor:
        attended = self.cross_attn(embeddings, keys, values, blocked)
        embeddings = self.norms[0](embeddings + attended)
        return self.norms[1](embeddings + self.ffn(embeddings))


@MODELS.register_module()
class TaxonomyCompilation(BaseModule):
    """Refines the text embedding of each category on the clip and keeps the best N_T.

    Text embeddings pass an adapter, attend to the clip's features in two blocks and are scored
    against themselves before the refinement; the refined embeddings of the N_T highest scores go
    on (TMT-VIS, section 3.2, equations 2 to 5). The choice is made on the logits: their sigmoid
    saturates in float32. The paper leaves residuals, norms and the supervision of the score open;
    here they are those of a Mask2Former layer, and the
    score is supervised unless configured otherwise.

    Args:
        text_dims: d of the text embeddings.
        embed_dims: C.
        adapter_dims: Width between the adapter's two linear layers.
        num_selected: N_T; clamped to the number of candidates.
        num_layers: Attention blocks.
        num_heads: Attention heads.
        feedforward_dims: Hidden width of the feed-forward blocks.
        feature_levels: Indices of the attended levels (0 is stride 32, 1
            is 16, 2 is 8), or `mask` for the mask features of stride 4.
        score_supervision: `bce`, a multi-label loss against the categories of the clip;
            `gate`, the selected embeddings are multiplied by their scores; `none`, a fixed score.
        with_background: A learned row competes with the categories for the N_T places, as the
            41st row of the released code's 40 categories; no score of it is supervised.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, *, text_dims: int, embed_dims: int = 256, adapter_dims: int = 128,
                 num_selected: int = 10, num_layers: int = 2, num_heads: int = 8,
                 feedforward_dims: int = 2048, feature_levels: Sequence[int] | str = (0, ),
                 score_supervision: str = 'bce', with_background: bool = False,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if score_supervision not in SCORE_SUPERVISIONS:
            raise ValueError('compilation.score_supervision: expected one of '
                             f'{SCORE_SUPERVISIONS}, got {score_supervision!r}')
        if num_selected < 1:
            raise ValueError(f'compilation.num_selected: expected at least 1, got {num_selected}')
        if feature_levels != MASK_FEATURES and not set(feature_levels) <= {0, 1, 2}:
            raise ValueError("compilation.feature_levels: expected indices among 0, 1, 2 or 'mask',"
                             f' got {feature_levels!r}')
        self.num_selected = num_selected
        self.score_supervision = score_supervision
        self.feature_levels = feature_levels
        self.adapter = nn.Sequential(
            nn.Linear(text_dims, adapter_dims), nn.ReLU(inplace=True),
            nn.Linear(adapter_dims, embed_dims))
        self.adapter_norm = nn.LayerNorm(embed_dims)
        num_levels = 1 if feature_levels == MASK_FEATURES else len(feature_levels)
        self.level_embed = nn.Embedding(num_levels, embed_dims)
        self.layers = nn.ModuleList([
            _CompilationBlock(embed_dims, num_heads, feedforward_dims) for _ in range(num_layers)
        ])
        if score_supervision == 'none':
            self.score = nn.Identity()
            self.score_bias = 0.0
        else:
            self.score = nn.Linear(embed_dims, embed_dims, bias=False)
            self.score_bias = nn.Parameter(torch.zeros(()))
        # drawn as whitened text embeddings are spread
        self.background = nn.Parameter(torch.randn(1, text_dims)) if with_background else None
        xavier_init(self.layers)

    def forward(self, multi_scale: Sequence[Tensor], mask_features: Tensor | None,
                context: CategoryContext,
                padding: Sequence[Tensor] | None = None) -> CompiledTaxonomy:
        """Compile the taxonomy of each clip.

        Args:
            multi_scale: (B, T, C, h, w) of strides 32, 16, 8.
            mask_features: (B, T, C, H, W) of stride 4; read only by `feature_levels='mask'`.
            context: Text embeddings (K, d) and candidates (B, K).
            padding: (B, T, h, w) bool of each level, True where not to look; None for nowhere.

        Returns:
            The selected embeddings and the scores of all categories.
        """
        text = context.text
        if self.background is not None:
            text = torch.cat([text, self.background])
        embeddings = self.adapter_norm(self.adapter(text))
        embeddings = embeddings.expand(multi_scale[0].shape[0], -1, -1)
        keys, values = self._memory(multi_scale, mask_features)
        blocked = None
        if padding is not None:
            blocked = torch.cat(
                [padding[index].flatten(1) for index in self.feature_levels], dim=1)[:, None]
        refined = embeddings
        for layer in self.layers:
            refined = layer(refined, keys, values, blocked)
        scores = (self.score(refined) * embeddings).sum(-1) / math.sqrt(embeddings.shape[-1])
        return self._select(refined, scores + self.score_bias, context)

    def _memory(self, multi_scale: Sequence[Tensor],
                mask_features: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, sum of T*h*w, C) of the attended levels."""
        if self.feature_levels == MASK_FEATURES:
            levels = [mask_features]
        else:
            levels = [multi_scale[index] for index in self.feature_levels]
        keys, values = [], []
        for features, level_embed in zip(levels, self.level_embed.weight):
            frames, channels, height, width = features.shape[1:]
            position = sine_position_3d(channels, frames, height, width, features.device)
            value = features.flatten(3).transpose(2, 3).flatten(1, 2)
            values.append(value)
            keys.append(value + position.flatten(2).transpose(1, 2).flatten(0, 1) + level_embed)
        return torch.cat(keys, dim=1), torch.cat(values, dim=1)

    def _select(self, refined: Tensor, score_logits: Tensor,
                context: CategoryContext) -> CompiledTaxonomy:
        """Keep the candidates of the highest scores; mark places beyond their number."""
        candidates, counts = context.candidates, context.count()
        if not bool(counts.all()):
            raise ValueError('a sample has no candidate category to compile its taxonomy from')
        categories = candidates.shape[1]
        if self.background is not None:
            candidates, counts = F.pad(candidates, (0, 1), value=True), counts + 1
        count = min(self.num_selected, int(counts.max()))
        ranked = score_logits.masked_fill(~candidates, float('-inf'))
        indices = ranked.topk(count, dim=1).indices
        padding = ~candidates.gather(1, indices)
        selected = refined.gather(1, indices[..., None].expand(-1, -1, refined.shape[-1]))
        if self.score_supervision == 'gate':
            selected = selected * score_logits.gather(1, indices).sigmoid()[..., None]
        return CompiledTaxonomy(
            selected, indices, padding, score_logits, refined[:, :categories])
