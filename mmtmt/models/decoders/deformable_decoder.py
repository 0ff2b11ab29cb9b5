"""The decoder of Deformable DETR with iterative refinement of boxes."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.models.decoders.video_mask_decoder import Inject
from mmtmt.models.heads.box_head import BoxHead
from mmtmt.models.layers import FeedForward, MSDeformAttn, MultiheadAttention, xavier_init
from mmtmt.models.necks.deformable_memory import DeformableMemory
from mmtmt.models.outputs import CategoryContext, DecoderOutputs
from mmtmt.registry import MODELS


@dataclass
class DetectionQueries:
    """The queries that a detection decoder starts from, and what it reads its boxes with.

    Attributes:
        content: (Q, C).
        position: (Q, C).
        references: (Q, 2) points as fractions of the image, x first.
        head: Predicts classes and boxes after each layer.
    """

    content: Tensor
    position: Tensor
    references: Tensor
    head: BoxHead


class _SelfAttention(nn.Module):
    """Self-attention under the parameter names of mmcv's, `attn.*`."""

    def __init__(self, embed_dims: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = MultiheadAttention(embed_dims, num_heads, dropout)

    def forward(self, queries: Tensor, query_pos: Tensor) -> Tensor:
        positioned = queries + query_pos
        return self.attn(positioned, positioned, queries)


class _DecoderLayer(nn.Module):
    """Self-attention, deformable cross-attention and feed-forward, post-norm."""

    def __init__(self, embed_dims: int, num_heads: int, num_levels: int, num_points: int,
                 feedforward_dims: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = _SelfAttention(embed_dims, num_heads, dropout)
        self.cross_attn = MSDeformAttn(
            embed_dims=embed_dims, num_heads=num_heads, num_levels=num_levels,
            num_points=num_points)
        self.ffn = FeedForward(embed_dims, feedforward_dims, dropout)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(3)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, query_pos: Tensor, references: Tensor,
                memory: DeformableMemory) -> Tensor:
        queries = self.norms[0](queries + self.dropout(self.self_attn(queries, query_pos)))
        attended = self.cross_attn(
            queries + query_pos, references, memory.tokens, memory.spatial_shapes, memory.padding)
        queries = self.norms[1](queries + self.dropout(attended))
        return self.norms[2](queries + self.ffn(queries))


@MODELS.register_module()
class DeformableDecoder(BaseModule):
    """The decoder of Deformable DETR (arXiv 2010.04159), one set of queries per image.

    After each layer the head predicts classes and boxes; the boxes, without their gradient, are the
    references of the next layer. Parameter names are those of mmdet's decoder.

    Args:
        embed_dims: C.
        num_layers: Layers.
        num_heads: Attention heads.
        num_levels: Feature levels.
        num_points: Sampling points per head and level.
        feedforward_dims: Hidden width of the feed-forward blocks.
        dropout: Probability.
        init_cfg: mmengine initialisation.
    """

    unit = 'frame'  # what one set of queries is decoded from

    def __init__(self, *, embed_dims: int = 256, num_layers: int = 6, num_heads: int = 8,
                 num_levels: int = 4, num_points: int = 4, feedforward_dims: int = 1024,
                 dropout: float = 0.1, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.num_layers = num_layers
        self.layers = nn.ModuleList([
            _DecoderLayer(embed_dims, num_heads, num_levels, num_points, feedforward_dims, dropout)
            for _ in range(num_layers)
        ])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise as the official code does."""
        xavier_init(self.layers)
        for layer in self.layers:
            layer.cross_attn.init_weights()

    def forward(self, multi_scale: Sequence[Tensor], mask_features: None = None,
                context: CategoryContext | None = None, *, memory: DeformableMemory,
                queries: DetectionQueries, inject: Inject | None = None,
                auxiliary: bool = True) -> DecoderOutputs:
        """Decode N images.

        Args:
            multi_scale: What a taxonomy is compiled from; not read here.
            mask_features: There are none.
            context: Categories of the images; not read here.
            memory: Encoded features of N images.
            queries: To start from.
            inject: Changes the queries before a layer; called with every layer's index and returns
                queries and positions, (N, Q, C).
            auxiliary: Keep the predictions of all layers, not of the last alone.

        Returns:
            Predictions after each layer, and the queries before layer 1.
        """
        batch = len(memory.tokens)
        content, position = (
            values.expand(batch, -1, -1) for values in (queries.content, queries.position))
        references = queries.references.expand(batch, -1, -1)
        predictions, injected = [], content
        for index, layer in enumerate(self.layers):
            if inject is not None:
                content, position = inject(index, content, position)
            if index == 0:
                injected = content
            ratios = memory.valid_ratios
            if references.shape[-1] == 4:
                ratios = torch.cat((ratios, ratios), dim=-1)
            content = layer(content, position, references[:, :, None] * ratios[:, None], memory)
            prediction = queries.head(index, content, references)
            predictions.append(prediction)
            references = prediction.boxes.detach()
        return DecoderOutputs(
            predictions if auxiliary else predictions[-1:], injected_queries=injected)
