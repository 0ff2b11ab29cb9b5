"""VITA's clip decoder: video queries that read the queries of frames instead of pixels."""
from dataclasses import dataclass

from mmengine.model import BaseModule, caffe2_xavier_init
from torch import Tensor, nn

from mmtmt.models.decoders.object_encoder import ObjectEncoder
from mmtmt.models.heads.mask_head import MaskHead
from mmtmt.models.layers import DecoderLayer, xavier_init
from mmtmt.models.outputs import CategoryContext, QueryPrediction
from mmtmt.models.utils import TensorStore
from mmtmt.registry import MODELS

FRAMES_AT_A_TIME = 16  # of a long video


@dataclass
class ClipOutputs:
    """What a clip decoder makes of B clips.

    Attributes:
        predictions: After each layer; the last one alone when auxiliary predictions were not asked
            for.
        tokens: (B, T, Q_f, C) encoded queries of the frames.
        queries: (B, Q, C) video queries after the last layer, before the norm.
    """

    predictions: list[QueryPrediction]
    tokens: Tensor
    queries: Tensor


@MODELS.register_module()
class VITADecoder(BaseModule):
    """From the queries of all frames to instances of the whole clip (VITA, arXiv 2206.04403).

    The frame decoder's queries are encoded in temporal windows, and video queries attend to all of
    them; no pixel is looked at. Masks are the products of a video query's embedding with
    `mask_feature` of the stride-4 map.

    Args:
        num_classes: K.
        num_frame_queries: Q_f of the frame decoder.
        num_queries: Q, video queries.
        embed_dims: C.
        in_channels: Channels of the stride-4 map where they are not C.
        mask_dims: C_mask of the clip's mask features, C unless given.
        num_encoder_layers: Layers of the object encoder.
        num_layers: Layers of the decoder.
        window: Frames of the encoder's windows; 0 lets all frames attend to each other.
        num_heads: Attention heads.
        feedforward_dims: Hidden width of the feed-forward blocks.
        classifier: `linear` or `text`, see MaskHead.
        text_dims: d of the text embeddings, for the text classifier.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, *, num_classes: int, num_frame_queries: int, num_queries: int = 100,
                 embed_dims: int = 256, in_channels: int | None = None,
                 mask_dims: int | None = None, num_encoder_layers: int = 6, num_layers: int = 3,
                 window: int = 6, num_heads: int = 8, feedforward_dims: int = 2048,
                 classifier: str = 'linear', text_dims: int | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        mask_dims = mask_dims or embed_dims
        self.input_proj = nn.Linear(embed_dims, embed_dims)
        self.encoder = ObjectEncoder(
            embed_dims=embed_dims, num_layers=num_encoder_layers, window=window,
            num_heads=num_heads, feedforward_dims=feedforward_dims)
        self.token_pos = nn.Embedding(num_frame_queries, embed_dims)
        self.query_feat = nn.Embedding(num_queries, embed_dims)
        self.query_embed = nn.Embedding(num_queries, embed_dims)
        self.layers = nn.ModuleList([
            DecoderLayer(embed_dims, num_heads, feedforward_dims) for _ in range(num_layers)
        ])
        self.post_norm = nn.LayerNorm(embed_dims)
        self.head = MaskHead(
            embed_dims=embed_dims, mask_dims=mask_dims, num_classes=num_classes,
            classifier=classifier, text_dims=text_dims)
        self.mask_feature = nn.Conv2d(in_channels or embed_dims, mask_dims, 1)
        # what instances are told apart by, see VITACriterion; not used in prediction
        self.frame_similarity = nn.Linear(embed_dims, embed_dims)
        self.clip_similarity = nn.Linear(embed_dims, embed_dims)
        xavier_init(self.layers)
        caffe2_xavier_init(self.input_proj)
        caffe2_xavier_init(self.mask_feature)

    def forward(self, frame_queries: Tensor, context: CategoryContext | None = None, *,
                auxiliary: bool = True) -> ClipOutputs:
        """Decode a batch of clips.

        Args:
            frame_queries: (B, T, Q_f, C), normalised.
            context: Holds the text embeddings for the text classifier.
            auxiliary: Keep the predictions of all layers, not of the last alone.

        Returns:
            Predictions.
        """
        start = self.query_feat.weight.expand(len(frame_queries), -1, -1)
        return self.decode(self.encode(frame_queries), start, context, auxiliary)

    def decode_video(self, frames: TensorStore, context: CategoryContext | None) -> QueryPrediction:
        """Decode a video of any length in the memory of a short one.

        Args:
            frames: T queries (Q_f, C), normalised; left encoded where they are many.
            context: As for `forward`.

        Returns:
            The last layer's prediction, a batch of one.
        """
        length = len(frames)
        if length <= frames.limit:
            return self(frames.read(0, length)[None], context, auxiliary=False).predictions[-1]
        blocks = [(start, min(length, start + FRAMES_AT_A_TIME))
                  for start in range(0, length, FRAMES_AT_A_TIME)]
        for start, stop in blocks:
            frames.write(start, self.input_proj(frames.read(start, stop)))
        self.encoder.encode_stored(frames)
        queries, query_pos = self.query_feat.weight[None], self.query_embed.weight[None]
        for layer in self.layers:
            tokens = (frames.read(start, stop)[None] for start, stop in blocks)
            queries = layer.over_blocks(queries, query_pos, (
                ((part + self.token_pos.weight).flatten(1, 2), part.flatten(1, 2))
                for part in tokens))
        return self.head(self.post_norm(queries), context)

    def encode(self, frame_queries: Tensor) -> Tensor:
        """Project and encode the queries of frames.

        Args:
            frame_queries: (B, T, Q_f, C).

        Returns:
            (B, T, Q_f, C).
        """
        return self.encoder(self.input_proj(frame_queries))

    def decode(self, tokens: Tensor, queries: Tensor, context: CategoryContext | None,
               auxiliary: bool) -> ClipOutputs:
        """Read the encoded queries of frames.

        Args:
            tokens: (B, T, Q_f, C).
            queries: (B, Q, C) to begin with.
            context: As for `forward`.
            auxiliary: As for `forward`.

        Returns:
            Predictions.
        """
        query_pos = self.query_embed.weight.expand(len(tokens), -1, -1)
        keys = (tokens + self.token_pos.weight).flatten(1, 2)
        values = tokens.flatten(1, 2)
        predictions = []
        for index, layer in enumerate(self.layers, start=1):
            queries = layer(queries, query_pos, keys, values)
            if auxiliary or index == len(self.layers):
                predictions.append(self.head(self.post_norm(queries), context))
        return ClipOutputs(predictions, tokens, queries)

    def similarity_embeds(self, outputs: ClipOutputs) -> tuple[Tensor, Tensor]:
        """Embeddings that are alike where queries mean the same instance.

        Args:
            outputs: Of the clips.

        Returns:
            (B, T, Q_f, C) of the frames' queries and (B, Q, C) of the video queries.
        """
        return (self.frame_similarity(outputs.tokens),
                self.clip_similarity(outputs.predictions[-1].query_embeds))
