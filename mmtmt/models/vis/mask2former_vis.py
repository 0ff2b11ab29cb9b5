"""Mask2Former-VIS, and TMT-VIS on it: one set of queries for all frames of a clip."""
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmtmt.models.losses.set_criterion import EmbeddedPrediction
from mmtmt.models.outputs import DecoderOutputs
from mmtmt.models.trackers import match_queries
from mmtmt.models.vis.base import EvaluationSpace, VISModel
from mmtmt.models.vis.mask_output import BestPairs, best_pairs, masks_at_original_size
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import FrameSource
from mmtmt.structures.tubes import Tube, encode_tube

LONG_VIDEO_MODES = ('two_pass', 'one_pass')


@dataclass
class ClipFeatures:
    """Pixel-decoder features of the frames of one clip.

    Attributes:
        mask_features: Tensors (t, C_mask, H, W), t frames each.
        multi_scale: Per tensor above its levels (t, C, h, w).
        num_frames: Frames so far.
    """

    mask_features: list[Tensor] = field(default_factory=list)
    multi_scale: list[list[Tensor]] = field(default_factory=list)
    num_frames: int = 0

    def append(self, mask_features: Tensor, multi_scale: list[Tensor]) -> None:
        """Add the features of t more frames."""
        self.mask_features.append(mask_features)
        self.multi_scale.append(multi_scale)
        self.num_frames += len(mask_features)


@dataclass
class ClipRecord:
    """What is kept of a decoded clip: a few numbers per query, in the order of the first clip.

    Attributes:
        num_frames: T of the clip.
        class_logits: (Q, K + 1).
        mask_embeds: (Q, C_mask).
        score_logits: (K,) taxonomy scores.
    """

    num_frames: int
    class_logits: Tensor
    mask_embeds: Tensor
    score_logits: Tensor | None


@dataclass
class VideoState:
    """A video on its way through the model.

    Attributes:
        space: Categories to predict in.
        ori_shape: Height and width of the masks to return.
        source: To read frames a second time.
        clip_length: Frames that are decoded together.
        features: Of the clip that is being filled.
        records: Of the clips that are done.
        previous_queries: (Q, C) of the last clip, in the order of the first.
        tubes: One-pass mode: by query, the masks encoded so far.
        img_shape: Height and width of the frames that come in.
        compiled_labels: After `finish`: selected categories of the video, best first.
        num_discarded: After `finish`: predictions without a label in the evaluation vocabulary.
    """

    space: EvaluationSpace
    ori_shape: tuple[int, int]
    source: FrameSource | None
    clip_length: int
    features: ClipFeatures = field(default_factory=ClipFeatures)
    records: list[ClipRecord] = field(default_factory=list)
    previous_queries: Tensor | None = None
    tubes: dict[int, Tube] = field(default_factory=dict)
    img_shape: tuple[int, int] | None = None
    compiled_labels: list[int] = field(default_factory=list)
    num_discarded: int = 0


@MODELS.register_module()
class Mask2FormerVIS(VISModel):
    """Mask2Former for video instance segmentation (arXiv 2112.10764); TMT-VIS with an
    InjectionDecoder as its decoder.

    A video of at most `clip_length` frames is decoded at once, as in the official code, with the
    backbone and the pixel decoder running over a few frames at a time. A longer one is cut into
    clips of equal length whose queries are linked by similarity, class logits are averaged over
    frames, and memory stays that of one clip: `two_pass` keeps scores and mask embeddings of all
    queries and reads the frames again for the masks of the chosen ones; `one_pass`, for streams
    that can't be read again, encodes the masks of the best `one_pass_queries` of each clip.

    Args:
        backbone: Config; four maps of strides 4, 8, 16, 32.
        pixel_decoder: Config.
        decoder: Config of a VideoMaskDecoder or of an InjectionDecoder around one.
        criterion: Config of the criterion.
        auxiliary_head: Config of a SemanticHead, for training without a pretrained backbone.
        **kwargs: Of VISModel; `test_cfg` also takes `clip_length`, `long_video` and
            `one_pass_queries`.
    """

    TEST_DEFAULTS = dict(
        VISModel.TEST_DEFAULTS, clip_length=36, long_video='two_pass', one_pass_queries=30)
    TEST_CHOICES = dict(VISModel.TEST_CHOICES, long_video=LONG_VIDEO_MODES)

    def __init__(self, *, backbone: dict, pixel_decoder: dict, decoder: dict,
                 criterion: dict | None = None, auxiliary_head: dict | None = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        self.pixel_decoder = MODELS.build(pixel_decoder)
        self.decoder = MODELS.build(decoder, default_args=dict(
            num_classes=self.num_classes, text_dims=self.text_dims))
        self.criterion = MODELS.build(criterion or dict(type='VideoSetCriterion'))
        self.auxiliary_head = auxiliary_head and MODELS.build(
            auxiliary_head, default_args=dict(num_classes=self.num_classes))
        self.auxiliary_only = False  # set by SemanticWarmupHook

    @property
    def classifier(self) -> str:
        """`linear` or `text`."""
        return self.decoder.head.classifier

    def extract(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features of independent frames.

        Args:
            images: (N, 3, H, W), normalised and padded.

        Returns:
            Mask features (N, C_mask, H/4, W/4) and the levels
            (N, C, h, w) of strides 32, 16, 8.
        """
        # with channels last a map and the tokens of its pixels are the same memory
        images = images.contiguous(memory_format=torch.channels_last)
        features = self.pixel_decoder(self.backbone(images))
        return features.mask_features, features.multi_scale

    def loss(self, inputs: Tensor, samples: Sequence) -> dict[str, Tensor]:
        """See VISModel.loss."""
        batch = inputs.shape[:2]
        mask_features, multi_scale = self.extract(inputs.flatten(0, 1))
        targets, space = self.training_targets(samples)
        multi_scale = [level.unflatten(0, batch) for level in multi_scale]
        losses = {}
        if self.auxiliary_head is not None:
            losses['loss_semantic'] = self.auxiliary_head.loss(multi_scale[-1], targets, space)
            if self.auxiliary_only:
                return losses
        outputs = self.decoder(
            multi_scale, mask_features.unflatten(0, batch), self.training_context(space))
        supervise = (outputs.compiled is not None
                     and self.decoder.compilation.score_supervision == 'bce')
        losses.update(self.criterion(
            stage_predictions(outputs), targets, space, outputs.compiled, supervise))
        return losses

    def init_state(self, meta: Mapping[str, Any], source: FrameSource | None = None) -> VideoState:
        """See VISModel.init_state."""
        longest = self.test_cfg['clip_length']
        length = longest
        if source is not None:
            # equal clips rather than a short one at the end
            length = math.ceil(len(source) / math.ceil(len(source) / longest))
        return VideoState(
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
            if state.features.num_frames == state.clip_length:
                if self.test_cfg['long_video'] == 'two_pass' and state.source is None:
                    raise ValueError(
                        f'the video has more than clip_length={state.clip_length} frames and can '
                        "not be read a second time: set model.test_cfg.long_video='one_pass'")
                self._close_clip(state)
                if self.test_cfg['long_video'] == 'one_pass':
                    self._encode_running_best(state)
                state.features = ClipFeatures()
            state.features.append(*self.extract(self.data_preprocessor.normalize(part)))

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
        if not state.features.num_frames:
            raise ValueError('a video without frames can not be predicted')
        self._close_clip(state)
        best = self._best_pairs(state, self.test_cfg['max_per_video'])
        kept = best.queries.unique()
        if len(state.records) > 1 and self.test_cfg['long_video'] == 'one_pass':
            self._encode_running_best(state)
            tubes = {query: state.tubes.get(query) for query in kept.tolist()}
        else:
            tubes = self._encode_kept(kept, state)
        state.compiled_labels = self._compiled_labels(state)
        state.num_discarded = best.num_discarded
        length = sum(record.num_frames for record in state.records)
        return InstanceData(
            scores=best.scores, labels=best.labels,
            tubes=[tubes[query] or [None] * length for query in best.queries.tolist()])

    def _portions(self, frames: Tensor, state: VideoState):
        """Cut frames where a clip ends and where more would be decoded at a time than allowed."""
        start = 0
        while start < len(frames):
            room = state.clip_length - state.features.num_frames % state.clip_length
            part = frames[start:start + min(room, self.test_cfg['frames_per_step'])]
            yield part
            start += len(part)

    def _close_clip(self, state: VideoState) -> None:
        """Decode the collected clip and line its queries up with those of the clips before."""
        features = state.features
        levels = [torch.cat(parts)[None] for parts in zip(*features.multi_scale)]
        mask_features = torch.cat(features.mask_features)[None]
        features.multi_scale, features.mask_features = [], [mask_features[0]]
        outputs = self.decoder(levels, mask_features, state.space.context, auxiliary=False)
        prediction = outputs.predictions[-1]
        order = slice(None)
        if state.previous_queries is not None:
            order = match_queries(state.previous_queries, prediction.query_embeds[0])
        state.previous_queries = prediction.query_embeds[0][order]
        state.records.append(ClipRecord(
            num_frames=features.num_frames, class_logits=prediction.class_logits[0][order],
            mask_embeds=prediction.mask_embeds[0][order],
            score_logits=None if outputs.compiled is None else outputs.compiled.score_logits[0]))

    def _best_pairs(self, state: VideoState, max_per_video: int) -> BestPairs:
        """The best pairs by the class logits of the clips so far, averaged over frames."""
        return best_pairs(
            _frame_mean(state.records, 'class_logits'), state.space.context.candidates[0],
            state.space.labels, max_per_video)

    def _encode_kept(self, kept: Tensor, state: VideoState) -> dict[int, Tube]:
        """Masks of the chosen queries in all clips; earlier clips are read a second time."""
        tubes: dict[int, Tube] = {query: [] for query in kept.tolist()}
        start = 0
        for record in state.records[:-1]:
            stop = start + record.num_frames
            for frame in range(start, stop, self.test_cfg['frames_per_step']):
                frames = state.source.read(
                    frame, min(stop, frame + self.test_cfg['frames_per_step']))
                mask_features, _ = self.extract(self.data_preprocessor.normalize(frames))
                self._extend_tubes(tubes, record.mask_embeds[kept], mask_features, state)
            start = stop
        for mask_features in state.features.mask_features[0].split(
                self.test_cfg['frames_per_step']):
            self._extend_tubes(tubes, state.records[-1].mask_embeds[kept], mask_features, state)
        return tubes

    def _encode_running_best(self, state: VideoState) -> None:
        """One-pass mode: encode the last clip of the queries that are best so far."""
        kept = self._best_pairs(state, self.test_cfg['one_pass_queries']).queries.unique()
        record = state.records[-1]
        before = sum(earlier.num_frames for earlier in state.records[:-1])
        new: dict[int, Tube] = {query: [] for query in kept.tolist()}
        for mask_features in state.features.mask_features[0].split(
                self.test_cfg['frames_per_step']):
            self._extend_tubes(new, record.mask_embeds[kept], mask_features, state)
        for query in state.tubes.keys() | new.keys():
            tube = state.tubes.setdefault(query, [None] * before)
            tube.extend(new.get(query) or [None] * record.num_frames)

    def _extend_tubes(self, tubes: dict[int, Tube], mask_embeds: Tensor, mask_features: Tensor,
                      state: VideoState) -> None:
        """Append the masks of t frames (t, C, H, W) to the tubes, in their order."""
        if not tubes:
            return
        logits = torch.einsum('qc,tchw->tqhw', mask_embeds, mask_features)
        padded_shape = self.data_preprocessor.padded_shape([state.img_shape])
        masks = masks_at_original_size(logits, padded_shape, state.img_shape, state.ori_shape)
        for tube, mask in zip(tubes.values(), masks.transpose(0, 1).cpu()):
            tube.extend(encode_tube(mask))

    def _compiled_labels(self, state: VideoState) -> list[int]:
        """Evaluation labels of the N_T categories of the highest mean score."""
        if state.records[0].score_logits is None:
            return []
        candidates = state.space.context.candidates[0]
        scores = _frame_mean(state.records, 'score_logits').masked_fill(
            ~candidates, float('-inf'))
        count = min(self.decoder.compilation.num_selected, int(candidates.sum()))
        labels = state.space.labels[scores.topk(count).indices]
        return labels[labels >= 0].tolist()


def stage_predictions(outputs: DecoderOutputs) -> list[EmbeddedPrediction]:
    """The decoder's predictions in the form that the criterion reads.

    Args:
        outputs: Of a batch of clips.

    Returns:
        Of each stage.
    """
    features = outputs.mask_features.unbind()  # once: their gradients are stacked once
    return [
        EmbeddedPrediction(prediction.class_logits, prediction.mask_embeds, features)
        for prediction in outputs.predictions
    ]


def _frame_mean(records: Sequence[ClipRecord], name: str) -> Tensor:
    """Mean of a field over clips, weighted by their frames."""
    total = sum(record.num_frames for record in records)
    return sum(record.num_frames / total * getattr(record, name) for record in records)
