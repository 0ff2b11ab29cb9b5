"""MinVIS, and TMT-VIS on it: an image model whose queries are linked from frame to frame."""
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.trackers import match_frames
from mmtmt.models.vis.streaming import ClipRecord, StreamingMaskModel, VideoState
from mmtmt.registry import MODELS


@dataclass
class MinVISState(VideoState):
    """A video on its way through MinVIS.

    Attributes:
        frames: Of the clip that is being filled; per portion of t frames, with queries in the
            order of the first frame, (t, Q, K + 1) class logits, (t, Q, C_mask) mask embeddings
            and (t, K) taxonomy scores.
    """

    frames: list[tuple[Tensor, Tensor, Tensor | None]] = field(default_factory=list)


@MODELS.register_module()
class MinVIS(StreamingMaskModel):
    """MinVIS (arXiv 2208.02245); TMT-VIS on it with an InjectionDecoder as its decoder.

    Training knows frames alone: each frame of a clip is an image with losses of its own. For
    prediction the queries of a frame take the order of those of the frame before that they
    resemble most, class logits are averaged over frames, and a query's masks in all frames are one
    tube. Each frame is decoded once, so how many are decoded at a time doesn't matter.

    Of each frame the mask embeddings of all queries are kept, Q * C_mask numbers (100 kB for 100
    queries of 256), and of `clip_length` frames the mask features, so that videos of at most so
    many frames are read once.

    Its decoder is a FrameMaskDecoder or an InjectionDecoder around one; arguments and keys of
    `test_cfg` are those of StreamingMaskModel.
    """

    UNIT = 'frame'
    STATE = MinVISState

    def add_frames(self, features: PixelFeatures, state: MinVISState) -> None:
        """Decode frames and line their queries up with those of the frames before.

        Args:
            features: Of t frames.
            state: Changed.
        """
        outputs = self.decoder(
            [level[None] for level in features.multi_scale], features.mask_features[None],
            state.space.context, auxiliary=False)
        prediction = outputs.predictions[-1]
        queries = prediction.query_embeds
        orders = match_frames(state.previous_queries, queries)
        class_logits, mask_embeds, queries = (
            values.gather(1, orders[..., None].expand(-1, -1, values.shape[-1]))
            for values in (prediction.class_logits, prediction.mask_embeds, queries))
        state.previous_queries = queries[-1]
        scores = None if outputs.compiled is None else outputs.compiled.score_logits
        state.frames.append((class_logits, mask_embeds, scores))

    def decode_clip(self, state: MinVISState) -> ClipRecord:
        """Sum up the frames of the clip.

        Args:
            state: Changed.

        Returns:
            What is kept of them.
        """
        class_logits, mask_embeds, scores = zip(*state.frames)
        state.frames = []
        mask_embeds = torch.cat(mask_embeds)
        return ClipRecord(
            num_frames=len(mask_embeds), class_logits=torch.cat(class_logits).mean(0),
            mask_embeds=mask_embeds,
            score_logits=None if scores[0] is None else torch.cat(scores).mean(0))
