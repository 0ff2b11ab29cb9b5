"""The masked-attention decoder of Mask2Former over the frames of a clip."""
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.models.heads.mask_head import MaskHead
from mmtmt.models.layers import DecoderLayer, sine_position_3d, xavier_init
from mmtmt.models.outputs import CategoryContext, DecoderOutputs, QueryPrediction, mask_logits
from mmtmt.registry import MODELS

# (layer index, queries (B, Q, C), their positions (B, Q, C)) -> (queries, positions)
Inject = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]


@MODELS.register_module()
class VideoMaskDecoder(BaseModule):
    """Mask2Former's decoder, whose queries attend to all frames of a clip at once.

    Layer i attends to level i mod 3 of the pixel decoder (strides 32, 16, 8), where its own mask
    of the previous prediction allows it. Predictions are made of the initial queries and after
    each layer (Mask2Former for video instance segmentation, arXiv 2112.10764).

    Args:
        num_classes: K.
        num_queries: Q.
        embed_dims: C.
        in_channels: Channels of the attended levels where they are not C.
        mask_dims: C_mask of the mask features, C unless given.
        num_layers: Layers.
        num_heads: Attention heads.
        feedforward_dims: Hidden width of the feed-forward blocks.
        classifier: `linear` or `text`, see MaskHead.
        text_dims: d of the text embeddings, for the text classifier.
        init_cfg: mmengine initialisation.
    """

    NUM_LEVELS = 3
    unit = 'clip'  # what one set of queries is decoded from

    def __init__(self, *, num_classes: int, num_queries: int = 100, embed_dims: int = 256,
                 in_channels: int | None = None, mask_dims: int | None = None,
                 num_layers: int = 9, num_heads: int = 8, feedforward_dims: int = 2048,
                 classifier: str = 'linear', text_dims: int | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.num_layers = num_layers
        self.query_feat = nn.Embedding(num_queries, embed_dims)
        self.query_embed = nn.Embedding(num_queries, embed_dims)
        self.level_embed = nn.Embedding(self.NUM_LEVELS, embed_dims)
        self.input_projs = nn.ModuleList()
        if in_channels is not None and in_channels != embed_dims:
            self.input_projs.extend(
                nn.Conv2d(in_channels, embed_dims, 1) for _ in range(self.NUM_LEVELS))
        self.layers = nn.ModuleList([
            DecoderLayer(embed_dims, num_heads, feedforward_dims) for _ in range(num_layers)
        ])
        self.post_norm = nn.LayerNorm(embed_dims)
        self.head = MaskHead(
            embed_dims=embed_dims, mask_dims=mask_dims or embed_dims, num_classes=num_classes,
            classifier=classifier, text_dims=text_dims)
        xavier_init(self.layers)

    @property
    def num_queries(self) -> int:
        """Q of the learned queries."""
        return self.query_feat.num_embeddings

    def forward(self, multi_scale: Sequence[Tensor], mask_features: Tensor,
                context: CategoryContext | None = None, *, inject: Inject | None = None,
                auxiliary: bool = True) -> DecoderOutputs:
        """Decode a batch of clips.

        Args:
            multi_scale: (B, T, C, h, w) of strides 32, 16, 8.
            mask_features: (B, T, C_mask, H, W) of stride 4.
            context: Categories of the batch, for the text classifier.
            inject: Changes the queries before a layer; called with every layer's
                index and returns queries and positions.
            auxiliary: Keep the predictions of all stages, not of the last alone.

        Returns:
            Predictions, without a compiled taxonomy.
        """
        batch = mask_features.shape[0]
        memory = self._memory(multi_scale)
        queries = self.query_feat.weight.expand(batch, -1, -1)
        query_pos = self.query_embed.weight.expand(batch, -1, -1)
        # the mask features resized once: resizing is linear, so this equals resizing the masks
        resized = [
            F.interpolate(mask_features.detach().flatten(0, 1), size=level.shape[-2:],
                          mode='bilinear', align_corners=False).unflatten(0, (batch, -1))
            for level in multi_scale
        ]
        predictions = []
        for index, layer in enumerate(self.layers):
            if inject is not None:
                queries, query_pos = inject(index, queries, query_pos)
            if index == 0:
                prediction = self._predict(queries, context)
                predictions.append(prediction)
            level = index % self.NUM_LEVELS
            blocked = self._blocked(prediction.mask_embeds, resized[level])
            queries = layer(queries, query_pos, *memory[level], blocked)
            prediction = self._predict(queries, context)
            predictions.append(prediction)
        return DecoderOutputs(predictions if auxiliary else predictions[-1:], mask_features)

    def _predict(self, queries: Tensor, context: CategoryContext | None) -> QueryPrediction:
        return self.head(self.post_norm(queries), context)

    def _memory(self, multi_scale: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Keys and values (B, T*h*w, C) of each level."""
        memory = []
        for level, features in enumerate(multi_scale):
            if self.input_projs:
                features = self.input_projs[level](features.flatten(0, 1)).unflatten(
                    0, features.shape[:2])
            values = features.flatten(3).transpose(2, 3).flatten(1, 2)
            values = values + self.level_embed.weight[level]
            frames, height, width = features.shape[1], *features.shape[-2:]
            position = self._position(frames, height, width, features.device)
            memory.append((values + position.flatten(2).transpose(1, 2).flatten(0, 1), values))
        return memory

    def _position(self, frames: int, height: int, width: int, device: torch.device) -> Tensor:
        """Position encoding (T, C, h, w) of a level."""
        return sine_position_3d(self.embed_dims, frames, height, width, device)

    @staticmethod
    @torch.no_grad()
    def _blocked(mask_embeds: Tensor, resized_features: Tensor) -> Tensor:
        """Where each query must not look: (B, Q, T*h*w) bool, no row blocked entirely."""
        logits = mask_logits(mask_embeds, resized_features)
        blocked = (logits < 0).transpose(1, 2).flatten(2)
        return blocked & ~blocked.all(dim=2, keepdim=True)
