"""Mask2Former-VIS, and TMT-VIS on it: one set of queries for all frames of a clip."""
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.vis.streaming import StreamingMaskModel
from mmtmt.models.vis.video_state import ClipRecord, VideoState
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
    clips of equal length that share `clip_overlap` frames with the one before, by which their
    queries are linked, see ChunkLinker. A frame that two clips share takes its masks from the
    earlier one, class logits are averaged over frames, and memory stays that of one clip.

    Its decoder is a VideoMaskDecoder or an InjectionDecoder around one.

    Args:
        **kwargs: Of StreamingMaskModel; `test_cfg` also takes `clip_overlap`, at most half of
            `clip_length`.
    """

    TEST_DEFAULTS = dict(StreamingMaskModel.TEST_DEFAULTS, clip_overlap=4)
    TEST_FROM_ZERO = ('clip_overlap', )
    STATE = Mask2FormerState

    @property
    def clip_overlap(self) -> int:
        """Frames that a clip shares with the one before."""
        return self.test_cfg['clip_overlap']

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
        levels = [torch.cat(parts) for parts in zip(*state.multi_scale)]
        mask_features = torch.cat(state.mask_features)
        state.mask_features = [mask_features]
        outputs = self.decoder(
            [level[None] for level in levels], mask_features[None], state.space.context,
            auxiliary=False)
        # what the next clip, if there is one, begins with
        shared = slice(max(0, len(mask_features) - state.overlap), None)
        state.multi_scale = [[level[shared].clone() for level in levels]] if state.overlap else []
        prediction = outputs.predictions[-1]
        order = state.linker.link(
            prediction.query_embeds[0], prediction.mask_embeds[0], state.shared_features())
        return ClipRecord(
            num_frames=len(mask_features) - state.num_shared,
            class_logits=prediction.class_logits[0][order],
            mask_embeds=prediction.mask_embeds[:, order],
            score_logits=None if outputs.compiled is None else outputs.compiled.ranking[0])
