"""Videos of any length: what is kept of frames, and the masks of what is chosen at the end."""
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.vis.base import EvaluationSpace, compiled_labels
from mmtmt.models.vis.mask_output import (
    BestPairs,
    best_pairs,
    binary_masks,
    logits_at_input_size,
)
from mmtmt.models.vis.mask_vis import MaskVISModel
from mmtmt.structures.frame_source import FrameSource
from mmtmt.structures.tubes import Tube, encode_tube

LONG_VIDEO_MODES = ('two_pass', 'one_pass')


@dataclass
class ClipRecord:
    """What is kept of a decoded clip: a few numbers per query, in the order of the first clip.

    Attributes:
        num_frames: T of the clip.
        class_logits: (Q, K + 1), the mean over frames; None for models that keep their own scores.
        mask_embeds: (1, Q, C_mask) of all frames, or (T, Q, C_mask), one per frame; None where the
            end of the video tells them.
        score_logits: (K,) taxonomy scores, the mean over frames.
    """

    num_frames: int
    class_logits: Tensor | None
    mask_embeds: Tensor | None
    score_logits: Tensor | None


@dataclass
class VideoState:
    """A video on its way through the model.

    Attributes:
        space: Categories to predict in.
        ori_shape: Height and width of the masks to return.
        source: To read frames a second time.
        clip_length: Frames whose features are kept at a time.
        mask_features: Of the clip that is being filled, tensors (t, C_mask, H, W).
        records: Of the clips that are done.
        previous_queries: (Q, C) of the last clip or frame, in the order of the first.
        tubes: One-pass mode: by query, the masks encoded so far.
        img_shape: Height and width of the frames that come in.
        compiled_labels: After `finish`: selected categories of the video, best first.
        num_discarded: After `finish`: predictions without a label in the evaluation vocabulary.
    """

    space: EvaluationSpace
    ori_shape: tuple[int, int]
    source: FrameSource | None
    clip_length: int
    mask_features: list[Tensor] = field(default_factory=list)
    records: list[ClipRecord] = field(default_factory=list)
    previous_queries: Tensor | None = None
    tubes: dict[int, Tube] = field(default_factory=dict)
    img_shape: tuple[int, int] | None = None
    compiled_labels: list[int] = field(default_factory=list)
    num_discarded: int = 0

    @property
    def num_waiting(self) -> int:
        """Frames of the clip that is being filled."""
        return sum(map(len, self.mask_features))


class StreamingMaskModel(MaskVISModel):
    """A model built on Mask2Former that predicts a video clip by clip.

    Features are kept of one clip of at most `clip_length` frames; of earlier clips, a ClipRecord.
    The masks of the chosen queries come at the end, when their scores are known: those of the last
    clip from its features, those of earlier ones by reading their frames again (`two_pass`). For
    streams that can't be read again, `one_pass` encodes the masks of the best `one_pass_queries`
    at the end of each clip.

    Subclasses say what becomes of frames (`add_frames`) and of a full clip (`decode_clip`).

    Args:
        **kwargs: Of MaskVISModel; `test_cfg` also takes `clip_length`, `long_video` and
            `one_pass_queries`.
    """

    TEST_DEFAULTS = dict(
        MaskVISModel.TEST_DEFAULTS, clip_length=36, long_video='two_pass', one_pass_queries=30)
    TEST_CHOICES = dict(MaskVISModel.TEST_CHOICES, long_video=LONG_VIDEO_MODES)
    STATE = VideoState
    frames_per_unit = 1  # a clip is cut at a multiple of it

    @abstractmethod
    def add_frames(self, features: PixelFeatures, state: VideoState) -> None:
        """Take in the next frames of a clip, whose mask features are kept already.

        Args:
            features: Of t frames.
            state: Changed.
        """

    @abstractmethod
    def decode_clip(self, state: VideoState) -> ClipRecord:
        """End a clip.

        Args:
            state: Changed.

        Returns:
            What is kept of the clip, its queries in the order of the first clip.
        """

    def end_video(self, state: VideoState) -> None:
        """Do what needs all frames, before predictions are chosen; nothing for most models.

        Args:
            state: With the records of all clips; changed.
        """

    def see_masks(self, queries: Sequence[int], logits: Tensor, state: VideoState) -> None:
        """Take note of masks that are about to be binarised; nothing for most models.

        Args:
            queries: Whose masks.
            logits: (t, n, h, w) at the size of the input.
            state: Changed.
        """

    def final_scores(self, best: BestPairs, state: VideoState) -> Tensor:
        """Scores of the predictions, once their masks are known.

        Args:
            best: The chosen pairs.
            state: After the masks of their queries were made.

        Returns:
            (M,).
        """
        return best.scores

    def emitted_features(self, features: PixelFeatures) -> Tensor:
        """The features that masks of the results are made of.

        Args:
            features: Of t frames.

        Returns:
            (t, C_mask, H, W).
        """
        return features.mask_features

    def init_state(self, meta: Mapping[str, Any], source: FrameSource | None = None) -> VideoState:
        """See VISModel.init_state."""
        longest = self.test_cfg['clip_length']
        length = longest
        if source is not None:
            # equal clips rather than a short one at the end
            length = math.ceil(len(source) / math.ceil(len(source) / longest))
        length = math.ceil(length / self.frames_per_unit) * self.frames_per_unit
        return self.STATE(
            space=self.evaluation_space(meta['vocabulary']), ori_shape=tuple(meta['ori_shape']),
            source=source, clip_length=length)

    @torch.no_grad()
    def step(self, frames: Tensor, state: VideoState) -> None:
        """See VISModel.step.

        Args:
            frames: (t, 3, h, w) uint8, RGB, resized.
            state: From `init_state`; changed.

        Raises:
            ValueError: If the frames change their size, or the video turns out to be a long one
                that can't be read again.
        """
        shape = tuple(frames.shape[-2:])
        if state.img_shape not in (None, shape):
            raise ValueError(f'expected frames of {state.img_shape} like before, got {shape}')
        state.img_shape = shape
        for part in self._portions(frames, state):
            if state.num_waiting == state.clip_length:
                if self.test_cfg['long_video'] == 'two_pass' and state.source is None:
                    raise ValueError(
                        f'the video has more than clip_length={state.clip_length} frames and can '
                        "not be read a second time: set model.test_cfg.long_video='one_pass'")
                state.records.append(self.decode_clip(state))
                if self.test_cfg['long_video'] == 'one_pass':
                    self._encode_running_best(state)
                state.mask_features = []
            features = self.extract(self.data_preprocessor.normalize(part))
            state.mask_features.append(self.emitted_features(features))
            self.add_frames(features, state)

    @torch.no_grad()
    def finish(self, state: VideoState) -> InstanceData:
        """See VISModel.finish.

        Args:
            state: From `init_state`, after all steps.

        Returns:
            `scores` (M,), `labels` (M,) in the evaluation vocabulary, `tubes`.

        Raises:
            ValueError: If there was no frame.
        """
        if not state.num_waiting:
            raise ValueError('a video without frames can not be predicted')
        state.records.append(self.decode_clip(state))
        self.end_video(state)
        best = self.best_pairs(state, self.max_per_video(state.space))
        kept = best.queries.unique()
        if len(state.records) > 1 and self.test_cfg['long_video'] == 'one_pass':
            self._encode_running_best(state)
            tubes = {query: state.tubes.get(query) for query in kept.tolist()}
        else:
            tubes = self._encode_kept(kept, state)
        state.compiled_labels = self._compiled_labels(state)
        state.num_discarded = best.num_discarded
        length = sum(record.num_frames for record in state.records)
        scores, order = self.final_scores(best, state).sort(descending=True, stable=True)
        return InstanceData(
            scores=scores, labels=best.labels[order],
            tubes=[tubes[query] or [None] * length for query in best.queries[order].tolist()])

    def best_pairs(self, state: VideoState, max_per_video: int) -> BestPairs:
        """The best pairs of the clips so far, by class logits averaged over frames.

        Args:
            state: With at least one record.
            max_per_video: Pairs at most.

        Returns:
            The pairs.
        """
        return best_pairs(
            _frame_mean(state.records, 'class_logits'), state.space.context.candidates[0],
            state.space.labels, max_per_video)

    def extend_tubes(self, tubes: dict[int, Tube], mask_embeds: Tensor, mask_features: Tensor,
                     state: VideoState) -> None:
        """Append the masks of t frames to tubes.

        Args:
            tubes: n of them by query, changed.
            mask_embeds: (t or 1, n, C), in the order of the tubes.
            mask_features: (t, C, H, W).
            state: Tells the sizes.
        """
        if not tubes:
            return
        mask_embeds = mask_embeds.expand(len(mask_features), -1, -1)
        logits = torch.einsum('tqc,tchw->tqhw', mask_embeds, mask_features)
        padded_shape = self.data_preprocessor.padded_shape([state.img_shape])
        logits = logits_at_input_size(logits, padded_shape, state.img_shape)
        self.see_masks(list(tubes), logits, state)
        masks = binary_masks(logits, state.ori_shape)
        for tube, mask in zip(tubes.values(), masks.transpose(0, 1).cpu()):
            tube.extend(encode_tube(mask))

    def features_again(self, start: int, stop: int, state: VideoState) -> Iterator[Tensor]:
        """Mask features of frames that are read a second time, a few at a time.

        Args:
            start: First frame of the video.
            stop: One past the last frame.
            state: Has the source.

        Yields:
            (t, C_mask, H, W).
        """
        step = self.test_cfg['frames_per_step']
        for frame in range(start, stop, step):
            frames = state.source.read(frame, min(stop, frame + step))
            yield self.emitted_features(self.extract(self.data_preprocessor.normalize(frames)))

    def _portions(self, frames: Tensor, state: VideoState) -> Iterator[Tensor]:
        """Cut frames where a clip ends and where more would be decoded at a time than allowed."""
        start = 0
        while start < len(frames):
            room = state.clip_length - state.num_waiting % state.clip_length
            part = frames[start:start + min(room, self.test_cfg['frames_per_step'])]
            yield part
            start += len(part)

    def _encode_kept(self, kept: Tensor, state: VideoState) -> dict[int, Tube]:
        """Masks of the chosen queries in all clips; earlier clips are read a second time."""
        tubes: dict[int, Tube] = {query: [] for query in kept.tolist()}
        start = 0
        for record in state.records[:-1]:
            stop = start + record.num_frames
            self._encode_clip(
                tubes, kept, record, self.features_again(start, stop, state), state)
            start = stop
        self._encode_clip(tubes, kept, state.records[-1], self._waiting_features(state), state)
        return tubes

    def _encode_running_best(self, state: VideoState) -> None:
        """One-pass mode: encode the last clip of the queries that are best so far."""
        kept = self.best_pairs(state, self.test_cfg['one_pass_queries']).queries.unique()
        record = state.records[-1]
        before = sum(earlier.num_frames for earlier in state.records[:-1])
        new: dict[int, Tube] = {query: [] for query in kept.tolist()}
        self._encode_clip(new, kept, record, self._waiting_features(state), state)
        for query in state.tubes.keys() | new.keys():
            tube = state.tubes.setdefault(query, [None] * before)
            tube.extend(new.get(query) or [None] * record.num_frames)

    def _waiting_features(self, state: VideoState) -> Iterator[Tensor]:
        """Mask features of the last clip, a few frames at a time."""
        for features in state.mask_features:
            yield from features.split(self.test_cfg['frames_per_step'])

    def _encode_clip(self, tubes: dict[int, Tube], kept: Tensor, record: ClipRecord,
                     features: Iterator[Tensor], state: VideoState) -> None:
        """Append the masks of one clip."""
        embeds, start = record.mask_embeds[:, kept], 0
        for mask_features in features:
            stop = start + len(mask_features)
            part = embeds if len(embeds) == 1 else embeds[start:stop]
            self.extend_tubes(tubes, part, mask_features, state)
            start = stop

    def _compiled_labels(self, state: VideoState) -> list[int]:
        """Evaluation labels of the N_T categories of the highest mean score."""
        if state.records[0].score_logits is None:
            return []
        return compiled_labels(_frame_mean(state.records, 'score_logits'), state.space,
                               self.decoder.compilation.num_selected)


def _frame_mean(records: Sequence[ClipRecord], name: str) -> Tensor:
    """Mean of a field over clips, weighted by their frames."""
    total = sum(record.num_frames for record in records)
    return sum(record.num_frames / total * getattr(record, name) for record in records)
