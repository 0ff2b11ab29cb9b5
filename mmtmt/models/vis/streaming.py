"""Videos of any length: clip by clip, with the masks of what is chosen at the end."""
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.trackers import chunk_length
from mmtmt.models.vis.evaluation_space import compiled_labels
from mmtmt.models.vis.mask_output import (
    BestPairs,
    best_pairs,
    binary_masks,
    logits_at_input_size,
)
from mmtmt.models.vis.mask_vis import MaskVISModel
from mmtmt.models.vis.video_state import ClipRecord, VideoState, join_records, last_frames
from mmtmt.structures.frame_source import FrameSource
from mmtmt.structures.tubes import Tube, encode_tube

LONG_VIDEO_MODES = ('two_pass', 'one_pass')


class StreamingMaskModel(MaskVISModel):
    """A model built on Mask2Former that predicts a video clip by clip.

    Features are kept of one clip of at most `clip_length` frames; of earlier clips, a ClipRecord.
    The masks of the chosen queries come at the end, when their scores are known: those of the last
    clip from its features, those of earlier ones by reading their frames again (`two_pass`). For
    streams that can't be read again, `one_pass` encodes at the end of each clip the masks of the
    queries in the best pairs of query and category so far: `one_pass_queries` pairs, or
    `max_per_video` where that is more. Both passes compute the same portions of frames, wherever
    the frames that come in are cut.

    Subclasses say what becomes of frames (`add_frames`), of a full clip (`decode_clip`) and, if
    they don't keep its mask embeddings, of frames that are read again (`embeds_again`).

    Args:
        **kwargs: Of MaskVISModel; `test_cfg` also takes `clip_length`, `long_video` and
            `one_pass_queries`.
    """

    TEST_DEFAULTS = dict(
        MaskVISModel.TEST_DEFAULTS, clip_length=36, long_video='two_pass', one_pass_queries=30)
    TEST_CHOICES = dict(MaskVISModel.TEST_CHOICES, long_video=LONG_VIDEO_MODES)
    STATE = VideoState
    DECODES_AGAIN = False  # whether mask embeddings are not kept, but decoded again

    @property
    def frames_per_unit(self) -> int:
        """Frames that are decoded together, counted from the first; clips are multiples of it."""
        return 1

    @property
    def clip_overlap(self) -> int:
        """Frames that a clip shares with the one before."""
        return 0

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

    def embeds_again(self, features: PixelFeatures, record: ClipRecord, start: int,
                     state: VideoState) -> Tensor:
        """Mask embeddings of frames that are read a second time, in the order of the video.

        Args:
            features: Of t frames.
            record: Of their clip.
            start: The first of them, counted from the first frame of the record.
            state: May be changed.

        Returns:
            (t, Q, C_mask), or (1, Q, C_mask) for all of them.
        """
        return record.mask_embeds

    def see_masks(self, queries: Tensor, logits: Tensor, state: VideoState) -> None:
        """Take note of masks that are about to be binarised; nothing for most models.

        Args:
            queries: (n,) int64, whose masks; none twice.
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
        longest, unit = self.test_cfg['clip_length'], self.frames_per_unit
        frames = longest if source is None else len(source)
        overlap = 0
        if source is None or frames > longest:
            # a clip ends where a unit does, and so does what it shares with the next one
            overlap = min(self.clip_overlap, longest // 2) // unit * unit
        length = chunk_length(frames, longest, overlap, unit)
        return self.STATE(
            space=self.evaluation_space(meta['vocabulary']), ori_shape=tuple(meta['ori_shape']),
            source=source, clip_length=length, overlap=overlap)

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
        state.num_frames += len(frames)
        if (state.num_frames > state.clip_length and state.source is None
                and self.test_cfg['long_video'] == 'two_pass'):
            raise ValueError(
                f'the video has more than clip_length={state.clip_length} frames and can '
                "not be read a second time: set model.test_cfg.long_video='one_pass'")
        state.queue.push(frames)
        while len(state.queue) >= (portion := self._portion(state)):
            self._take_in(state.queue.pop(portion), state)

    @torch.no_grad()
    def decode_rest(self, state: VideoState) -> None:
        """Decode what is left of a video after all steps; its masks come with `finish`.

        Args:
            state: From `init_state`, after all steps; changed.
        """
        if len(state.queue):
            self._take_in(state.queue.pop(len(state.queue)), state)
        state.records.append(self.decode_clip(state))
        self.end_video(state)

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
        if not state.num_frames:
            raise ValueError('a video without frames can not be predicted')
        self.decode_rest(state)
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
            join_records(state.records).class_logits, state.space.competing, state.space.labels,
            max_per_video)

    def extend_tubes(self, tubes: dict[int, Tube], kept: Tensor, mask_embeds: Tensor,
                     mask_features: Tensor, state: VideoState) -> None:
        """Append the masks of t frames to tubes.

        Args:
            tubes: By query, changed.
            kept: (n,) int64, the queries of the tubes, in their order.
            mask_embeds: (t or 1, Q, C).
            mask_features: (t, C, H, W).
            state: Tells the sizes.
        """
        mask_embeds = mask_embeds[:, kept].expand(len(mask_features), -1, -1)
        logits = torch.einsum('tqc,tchw->tqhw', mask_embeds, mask_features)
        padded_shape = self.data_preprocessor.padded_shape([state.img_shape])
        logits = logits_at_input_size(logits, padded_shape, state.img_shape)
        self.see_masks(kept, logits, state)
        masks = binary_masks(logits, state.ori_shape)
        for tube, mask in zip(tubes.values(), masks.transpose(0, 1).cpu()):
            tube.extend(encode_tube(mask))

    def _portion(self, state: VideoState) -> int:
        """How many frames are taken in next: whole units, up to the end of the clip."""
        # a new clip begins with what it shares with the one that is full
        room = state.clip_length - state.num_waiting or state.clip_length - state.overlap
        return min(room, self._frames_at_a_time)

    @property
    def _frames_at_a_time(self) -> int:
        """The whole units of at most `frames_per_step` frames, but at least one."""
        unit = self.frames_per_unit
        return unit * max(1, self.test_cfg['frames_per_step'] // unit)

    def _take_in(self, frames: Tensor, state: VideoState) -> None:
        """Compute a portion of frames."""
        if state.num_waiting == state.clip_length:
            self._begin_clip(state)
        features = self._extract_portion(frames)
        state.mask_features.append(self.emitted_features(features))
        self.add_frames(features, state)

    def _begin_clip(self, state: VideoState) -> None:
        """Reduce the clip that is full to its record and to what it shares with the next one."""
        state.records.append(self.decode_clip(state))
        if self.test_cfg['long_video'] == 'one_pass':
            self._encode_running_best(state)
            # a stream has no end: of what is encoded, sums remain
            state.records = [join_records(state.records)]
        elif self.DECODES_AGAIN:
            state.records[-1].mask_embeds = None
        state.num_shared = state.overlap
        # copies, so that the rest is freed
        state.mask_features = [
            part.clone() for part in last_frames(state.mask_features, state.overlap)]

    def _extract_portion(self, frames: Tensor) -> PixelFeatures:
        """Features of frames, of `frames_per_step` at a time."""
        parts = [self.extract(self.data_preprocessor.normalize(part))
                 for part in frames.split(self.test_cfg['frames_per_step'])]
        if len(parts) == 1:
            return parts[0]
        mask_features, multi_scale, stride4 = zip(*parts)
        return PixelFeatures(
            torch.cat(mask_features), [torch.cat(level) for level in zip(*multi_scale)],
            torch.cat(stride4))

    def _encode_kept(self, kept: Tensor, state: VideoState) -> dict[int, Tube]:
        """Masks of the chosen queries in all clips; earlier clips are read a second time."""
        tubes: dict[int, Tube] = {query: [] for query in kept.tolist()}
        if not tubes:
            return tubes
        step, before = self._frames_at_a_time, 0
        for record in state.records[:-1]:
            for start in range(0, record.num_frames, step):
                stop = min(start + step, record.num_frames)
                features = self._extract_portion(
                    state.source.read(before + start, before + stop))
                embeds = self.embeds_again(features, record, start, state)
                self.extend_tubes(tubes, kept, embeds, self.emitted_features(features), state)
            before += record.num_frames
        self._encode_last_clip(tubes, kept, state)
        return tubes

    def _encode_running_best(self, state: VideoState) -> None:
        """One-pass mode: encode the last clip of the queries that are best so far."""
        pairs = max(self.test_cfg['one_pass_queries'], self.max_per_video(state.space))
        kept = self.best_pairs(state, pairs).queries.unique()
        length = state.records[-1].num_frames
        before = sum(earlier.num_frames for earlier in state.records[:-1])
        new: dict[int, Tube] = {query: [] for query in kept.tolist()}
        self._encode_last_clip(new, kept, state)
        for query in state.tubes.keys() | new.keys():
            tube = state.tubes.setdefault(query, [None] * before)
            tube.extend(new.get(query) or [None] * length)

    def _encode_last_clip(self, tubes: dict[int, Tube], kept: Tensor, state: VideoState) -> None:
        """Append the masks of the last clip from its features, a few frames at a time."""
        if not tubes:
            return
        step, record, start = self.test_cfg['frames_per_step'], state.records[-1], 0
        for features in last_frames(state.mask_features, record.num_frames):
            for part in features.split(step):
                embeds = record.mask_embeds
                if len(embeds) > 1:
                    embeds = embeds[start:start + len(part)]
                self.extend_tubes(tubes, kept, embeds, part, state)
                start += len(part)

    def _compiled_labels(self, state: VideoState) -> list[int] | None:
        """Evaluation labels of the N_T categories of the highest mean score."""
        scores = join_records(state.records).score_logits
        if scores is None:
            return None
        return compiled_labels(scores, state.space, self.decoder.compilation.num_selected)
