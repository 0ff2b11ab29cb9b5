"""GenVIS, and TMT-VIS on it: VITA clip by clip, with a memory instead of the whole video."""
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.set_criterion import Matches
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.losses.vita_criterion import TrackedTarget
from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.outputs import CategoryContext
from mmtmt.models.trackers import PrototypeMemory
from mmtmt.models.vis.mask_output import BestPairs, best_scores, class_probabilities
from mmtmt.models.vis.streaming import ClipRecord
from mmtmt.models.vis.vita import VITA, VITAState, pop_mean
from mmtmt.registry import MODELS


@dataclass
class GenVISState(VITAState):
    """A video on its way through GenVIS.

    Attributes:
        memory: Of the clips so far.
        probabilities: (Q, number of candidates), the highest of all clips so far.
        mask_embeds: (Q, C_mask) of each frame that is decoded and not in a record yet.
    """

    memory: PrototypeMemory = field(default_factory=PrototypeMemory)
    probabilities: Tensor | None = None
    mask_embeds: list[Tensor] = field(default_factory=list)


@MODELS.register_module()
class GenVIS(VITA):
    """GenVIS (arXiv 2211.08834); TMT-VIS on it with an InjectionDecoder as its decoder.

    A video is decoded in clips of `frames_per_clip` frames, 1 (online) or a few (semi-online). The
    queries go on from clip to clip, so that query q is the same instance in all of them and nothing
    is linked afterwards. A class scores what it scored in its best clip.

    Of each frame the mask embeddings of all queries are kept, Q * C_mask numbers, and of each clip
    twice as many in the memory, unless the clip decoder's `max_memory` bounds it. In `one_pass`
    (streams that can't be read again) the masks of queries that are not among the best so far are
    missing, nothing else differs.

    Args:
        clip_decoder: Config of a GenVISDecoder.
        frames_per_clip: Frames that are decoded together, in training and prediction.
        **kwargs: Of VITA.
    """

    STATE = GenVISState

    def __init__(self, *, clip_decoder: dict, frames_per_clip: int = 1, **kwargs) -> None:
        super().__init__(clip_decoder=clip_decoder, **kwargs)
        if frames_per_clip < 1:
            raise ValueError(
                f'model.frames_per_clip: expected at least 1, got {frames_per_clip}')
        self.frames_per_unit = frames_per_clip

    @staticmethod
    def _default_criterion() -> dict:
        return dict(type='GenVISCriterion')

    def clip_losses(self, queries: Tensor, mask_features: Tensor, targets: Sequence[ClipTarget],
                    space: LabelSpace, context: CategoryContext,
                    matches: Matches) -> dict[str, Tensor]:
        """Losses of the clips of each video, one after another.

        Args:
            queries: (L * B, T, Q_f, C) of the frames.
            mask_features: (B, T, C_mask, H, W) of the clip decoder.
            targets: Of the B videos.
            space: Vocabularies of the videos.
            context: Texts of the categories.
            matches: Of the frame queries.

        Returns:
            Losses with the prefixes `clip0.`, `clip1.`, ...
        """
        losses, memory = {}, PrototypeMemory()
        videos = [TrackedTarget(target.labels, target.masks, shown=target.visible)
                  for target in targets]
        num_frames, step = queries.shape[1], self.frames_per_unit
        for index, start in enumerate(range(0, num_frames, step)):
            frames = slice(start, start + step)
            outputs = self.clip_decoder(queries[:, frames], context, memory=memory)
            losses.update(self.losses_of(
                outputs, mask_features[:, frames],
                [video.select_frames(frames) for video in videos], space,
                [match for sample in range(len(queries))
                 for match in matches[sample * num_frames:(sample + 1) * num_frames][frames]],
                f'clip{index}.'))
        return losses

    def add_frames(self, features: PixelFeatures, state: GenVISState) -> None:
        """Decode frames, and the clips that they complete.

        Args:
            features: Of t frames.
            state: Changed.
        """
        super().add_frames(features, state)
        self._decode_clips(state, shortest=self.frames_per_unit)

    def decode_clip(self, state: GenVISState) -> ClipRecord:
        """Sum up the frames since the last record; the last clip of a video may be a short one.

        Args:
            state: Changed.

        Returns:
            What is kept of them.
        """
        self._decode_clips(state, shortest=1)
        mask_embeds, state.mask_embeds = torch.stack(state.mask_embeds), []
        return ClipRecord(len(mask_embeds), None, mask_embeds, pop_mean(state.score_logits))

    def _decode_clips(self, state: GenVISState, shortest: int) -> None:
        """Decode the frames that wait, in clips of at least so many frames."""
        waiting = torch.cat(state.queries)
        while len(waiting) >= shortest:
            clip, waiting = waiting.split(
                (min(len(waiting), self.frames_per_unit),
                 max(0, len(waiting) - self.frames_per_unit)))
            prediction = self.clip_decoder(
                clip[None], state.space.context, memory=state.memory,
                auxiliary=False).predictions[-1]
            probabilities = class_probabilities(
                prediction.class_logits[0], state.space.context.candidates[0])
            if state.probabilities is not None:
                probabilities = torch.maximum(state.probabilities, probabilities)
            state.probabilities = probabilities
            state.mask_embeds += [prediction.mask_embeds[0]] * len(clip)
        state.queries = [waiting]

    def end_video(self, state: GenVISState) -> None:
        """Nothing is left to do.

        Args:
            state: Of the video.
        """

    def best_pairs(self, state: GenVISState, max_per_video: int) -> BestPairs:
        """The best pairs by the highest probabilities of the clips so far.

        Args:
            state: With at least one record.
            max_per_video: Pairs at most.

        Returns:
            The pairs.
        """
        return best_scores(state.probabilities, state.space.context.candidates[0],
                           state.space.labels, max_per_video)
