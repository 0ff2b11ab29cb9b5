"""MinVIS, and TMT-VIS on it: an image model whose queries are linked from frame to frame."""
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.trackers import match_frames
from mmtmt.models.vis.frame_decoding import FrameDecodingModel
from mmtmt.models.vis.video_state import ClipRecord, VideoState
from mmtmt.registry import MODELS


@dataclass
class MinVISRecord(ClipRecord):
    """What is kept of the frames of a clip.

    Attributes:
        orders: (T, Q) int16, for each query of the video the one of the frame.
    """

    orders: Tensor


@dataclass
class MinVISState(VideoState):
    """A video on its way through MinVIS.

    Attributes:
        frames: Of the clip that is being filled; per portion of t frames (t, Q) orders and, with
            queries in these orders, (t, Q, K + 1) class logits, (t, Q, C_mask) mask embeddings and
            (t, K) taxonomy scores.
        previous_queries: (Q, C) of the last frame, in the order of the first.
    """

    frames: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = field(default_factory=list)
    previous_queries: Tensor | None = None


@MODELS.register_module()
class MinVIS(FrameDecodingModel):
    """MinVIS (arXiv 2208.02245); TMT-VIS on it with an InjectionDecoder as its decoder.

    Training knows frames alone: each frame of a clip is an image with losses of its own. For
    prediction the queries of a frame take the order of those of the frame before that they
    resemble most, class logits are averaged over frames, and a query's masks in all frames are one
    tube. How many frames are decoded at a time doesn't matter.

    Of `clip_length` frames mask embeddings and features are kept, so that videos of at most so many
    frames are read and decoded once. Of earlier frames only the order of the queries is kept, 2 Q
    bytes; `two_pass` decodes them again.

    Its decoder is a FrameMaskDecoder or an InjectionDecoder around one; arguments and keys of
    `test_cfg` are those of FrameDecodingModel.
    """

    STATE = MinVISState
    DECODES_AGAIN = True

    def add_frames(self, features: PixelFeatures, state: MinVISState) -> None:
        """Decode frames and line their queries up with those of the frames before.

        Args:
            features: Of t frames.
            state: Changed.
        """
        prediction, scores = self.decode_frames(features, state)
        queries = prediction.query_embeds
        orders = match_frames(state.previous_queries, queries)
        state.previous_queries = queries[-1][orders[-1]]
        state.frames.append((
            orders, in_order(prediction.class_logits, orders),
            in_order(prediction.mask_embeds, orders), scores))

    def decode_clip(self, state: MinVISState) -> ClipRecord:
        """Sum up the frames of the clip.

        Args:
            state: Changed.

        Returns:
            What is kept of them.
        """
        orders, class_logits, mask_embeds, scores = zip(*state.frames)
        state.frames = []
        mask_embeds = torch.cat(mask_embeds)
        return MinVISRecord(
            num_frames=len(mask_embeds), class_logits=torch.cat(class_logits).mean(0),
            mask_embeds=mask_embeds,
            score_logits=None if scores[0] is None else torch.cat(scores).mean(0),
            orders=torch.cat(orders).to(torch.int16))

    def embeds_again(self, features: PixelFeatures, record: MinVISRecord, start: int,
                     state: MinVISState) -> Tensor:
        """See StreamingMaskModel.embeds_again."""
        mask_embeds = self.decode_frames(features, state)[0].mask_embeds
        orders = record.orders[start:start + len(mask_embeds)].to(torch.int64)
        return in_order(mask_embeds, orders)


def in_order(values: Tensor, orders: Tensor) -> Tensor:
    """Put the queries of each frame into an order.

    Args:
        values: (t, Q, C).
        orders: (t, Q) int64.

    Returns:
        (t, Q, C).
    """
    return values.gather(1, orders[..., None].expand(-1, -1, values.shape[-1]))
