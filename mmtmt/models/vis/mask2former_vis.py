"""Mask2Former-VIS, and TMT-VIS on it: one set of queries for all frames of a clip."""
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.trackers import match_queries
from mmtmt.models.vis.streaming import ClipRecord, StreamingMaskModel, VideoState
from mmtmt.registry import MODELS


@dataclass
class Mask2FormerState(VideoState):
    """A video on its way through Mask2FormerVIS.

    Attributes:
        multi_scale: Of the clip that is being filled; per portion its levels (t, C, h, w).
    """

    multi_scale: list[list[Tensor]] = field(default_factory=list)


@MODELS.register_module()
class Mask2FormerVIS(StreamingMaskModel):
    """Mask2Former for video instance segmentation (arXiv 2112.10764); TMT-VIS with an
    InjectionDecoder as its decoder.

    A video of at most `clip_length` frames is decoded at once, as in the official code, with the
    backbone and the pixel decoder running over a few frames at a time. A longer one is cut into
    clips of equal length whose queries are linked by similarity, class logits are averaged over
    frames, and memory stays that of one clip.

    Its decoder is a VideoMaskDecoder or an InjectionDecoder around one; arguments and keys of
    `test_cfg` are those of StreamingMaskModel.
    """

    STATE = Mask2FormerState

    def add_frames(self, features: PixelFeatures, state: Mask2FormerState) -> None:
        """See StreamingMaskModel.add_frames."""
        state.multi_scale.append(features.multi_scale)

    def decode_clip(self, state: Mask2FormerState) -> ClipRecord:
        """Decode the collected clip and line its queries up with those of the clips before.

        Args:
            state: Changed.

        Returns:
            What is kept of the clip.
        """
        levels = [torch.cat(parts)[None] for parts in zip(*state.multi_scale)]
        mask_features = torch.cat(state.mask_features)[None]
        state.multi_scale, state.mask_features = [], [mask_features[0]]
        outputs = self.decoder(levels, mask_features, state.space.context, auxiliary=False)
        prediction = outputs.predictions[-1]
        order = slice(None)
        if state.previous_queries is not None:
            order = match_queries(state.previous_queries, prediction.query_embeds[0])
        state.previous_queries = prediction.query_embeds[0][order]
        return ClipRecord(
            num_frames=mask_features.shape[1], class_logits=prediction.class_logits[0][order],
            mask_embeds=prediction.mask_embeds[:, order],
            score_logits=None if outputs.compiled is None else outputs.compiled.score_logits[0])
