"""GenVIS, and TMT-VIS on it: VITA clip by clip, with a memory instead of the whole video."""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.set_criterion import Matches
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.losses.vita_criterion import TrackedTarget
from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.outputs import CategoryContext, QueryPrediction
from mmtmt.models.trackers import PrototypeMemory
from mmtmt.models.vis.mask_output import BestPairs, best_scores, class_probabilities
from mmtmt.models.vis.video_state import ClipRecord
from mmtmt.models.vis.vita import VITA, VITAState, pop_mean
from mmtmt.registry import MODELS


@dataclass
class GenVISState(VITAState):
    """A video on its way through GenVIS.

    Attributes:
        memory: Of the clips so far; in the second pass, anew.
        probabilities: (Q, number of candidates), the highest of all clips so far.
        mask_embeds: (1, Q, C_mask) of each clip that is decoded and not in a record yet.
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

    Of each clip a prototype of each instance is kept, Q * C numbers, of the latest `max_memory`
    clips (see GenVISDecoder), and of `clip_length` frames mask embeddings and features, so that
    videos of at most so many frames are read and decoded once. `two_pass` decodes the earlier
    frames of longer ones again, the memory growing anew. In `one_pass` (streams that can't be read
    again) the masks of queries that were not among the best, see StreamingMaskModel, are missing,
    and with them their part in the scores, which the mean probability of the masks goes into.

    Args:
        clip_decoder: Config of a GenVISDecoder.
        frames_per_clip: Frames that are decoded together, in training and prediction; where a
            taxonomy is compiled per clip, it is of these in prediction, and of all frames of the
            sample in training.
        **kwargs: Of VITA; `test_cfg` takes neither `clip_overlap` nor `taxonomy_frames`.
    """

    TEST_DEFAULTS = {
        name: value for name, value in VITA.TEST_DEFAULTS.items()
        if name not in ('clip_overlap', 'taxonomy_frames')
    }
    STATE = GenVISState
    DECODES_AGAIN = True

    def __init__(self, *, clip_decoder: dict, frames_per_clip: int = 1, **kwargs) -> None:
        super().__init__(clip_decoder=clip_decoder, **kwargs)
        if frames_per_clip < 1:
            raise ValueError(
                f'model.frames_per_clip: expected at least 1, got {frames_per_clip}')
        self.frames_per_clip = frames_per_clip

    @property
    def frames_per_unit(self) -> int:
        """Frames of a clip."""
        return self.frames_per_clip

    @property
    def clip_overlap(self) -> int:
        """None: the queries go on from clip to clip."""
        return 0

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
        num_frames, step = queries.shape[1], self.frames_per_clip
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
        """Decode frames, and the clips that they make.

        Args:
            features: Of t frames.
            state: Changed.
        """
        prediction, scores = self.decode_frames(features, state)
        if scores is not None:
            state.score_logits.append(scores)
        for clip in self._decode_clips(prediction.query_embeds, state):
            probabilities = class_probabilities(clip.class_logits[0], state.space.competing)
            if state.probabilities is not None:
                probabilities = torch.maximum(state.probabilities, probabilities)
            state.probabilities = probabilities
            state.mask_embeds.append(clip.mask_embeds)

    def decode_clip(self, state: GenVISState) -> ClipRecord:
        """Sum up the frames since the last record.

        Args:
            state: Changed.

        Returns:
            What is kept of them.
        """
        length = state.num_waiting
        mask_embeds, state.mask_embeds = torch.cat(state.mask_embeds), []
        mask_embeds = mask_embeds.repeat_interleave(self.frames_per_clip, dim=0)[:length]
        return ClipRecord(length, None, mask_embeds, pop_mean(state.score_logits))

    def end_video(self, state: GenVISState) -> None:
        """Begin anew, for the second pass.

        Args:
            state: Changed.
        """
        state.memory = PrototypeMemory()

    def embeds_again(self, features: PixelFeatures, record: ClipRecord, start: int,
                     state: GenVISState) -> Tensor:
        """See StreamingMaskModel.embeds_again."""
        queries = self.decode_frames(features, state)[0].query_embeds
        return torch.cat([
            clip.mask_embeds.expand(self.frames_per_clip, -1, -1)
            for clip in self._decode_clips(queries, state)])[:len(queries)]

    def _decode_clips(self, queries: Tensor, state: GenVISState) -> Iterator[QueryPrediction]:
        """Decode frames (t, Q_f, C) in clips, of which the video's last one may be a short one."""
        for clip in queries.split(self.frames_per_clip):
            yield self.clip_decoder(
                clip[None], state.space.context, memory=state.memory,
                auxiliary=False).predictions[-1]

    def best_pairs(self, state: GenVISState, max_per_video: int) -> BestPairs:
        """The best pairs by the highest probabilities of the clips so far.

        Args:
            state: With at least one record.
            max_per_video: Pairs at most.

        Returns:
            The pairs.
        """
        return best_scores(
            state.probabilities, state.space.competing, state.space.labels, max_per_video)
