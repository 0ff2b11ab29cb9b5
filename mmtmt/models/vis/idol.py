"""IDOL, and TMT on it: a detector with masks whose objects are tracked by embeddings."""
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmdet.models.layers import SinePositionalEncoding
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmtmt.models.decoders import DetectionQueries, InjectionDecoder
from mmtmt.models.heads import BoxHead, DynamicMaskHead, sigmoid_classifier
from mmtmt.models.layers import DeformableEncoder, perceptron
from mmtmt.models.losses.detection_criterion import Matches, PairEmbeddings, PairTarget
from mmtmt.models.losses.targets import note_visible
from mmtmt.models.necks import (
    DeformableMemory,
    MaskBranch,
    flatten_levels,
    join_memories,
    padding_of_levels,
)
from mmtmt.models.outputs import BoxPrediction, CategoryContext, DecoderOutputs
from mmtmt.models.taxonomy_modules.compilation import MASK_FEATURES
from mmtmt.models.utils.transfer import constant
from mmtmt.models.vis.base import VISModel
from mmtmt.models.vis.evaluation_space import compiled_labels
from mmtmt.models.vis.track_output import TrackState, collect_tracks, link_frame
from mmtmt.registry import MODELS, TASK_UTILS
from mmtmt.structures.frame_source import FrameSource


@MODELS.register_module()
class IDOL(VISModel):
    """IDOL (arXiv 2207.10661); TMT-VIS on it with an InjectionDecoder as its decoder.

    Deformable DETR with a mask and an embedding per query. Training pairs a key frame, the first of
    a clip, with a reference frame, the second: detection learns on the key frame, embeddings by
    contrasting the two, both with the objects that the key frame shows. For prediction each frame's
    detections are linked to a memory bank; every category above a threshold of a track is a result
    of its own.

    Parameter names are those of mmdet's DeformableDETR, so that its checkpoints load as they are.

    Args:
        backbone: Config; three maps of strides 8, 16, 32.
        neck: Config; makes four levels of C channels of them.
        decoder: Config of a DeformableDecoder, or of an InjectionDecoder around one.
        encoder: Arguments of DeformableEncoder.
        num_queries: Q.
        mask_channels: C_mask.
        criterion: Config of the criterion.
        tracker: Config of the tracker.
        **kwargs: Of VISModel; `test_cfg` takes `select_threshold`, the score from which queries
            are tracked, and `box_nms`, the overlap above which they are dropped before;
            `taxonomy_frames`, which share a taxonomy that is compiled per clip;
            `track_score`, `mean` or `max` over the frames of a track; `multi_label`, whether every
            category above `class_threshold` is a result, or the best one alone.
    """

    TEST_DEFAULTS = {
        **{name: value for name, value in VISModel.TEST_DEFAULTS.items()
           if name != 'max_per_video'},  # there may be any number
        **dict(frames_per_step=10, taxonomy_frames=2, select_threshold=0.1, box_nms=0.9,
               track_score='mean', multi_label=True, class_threshold=0.05)
    }
    TEST_CHOICES = dict(VISModel.TEST_CHOICES, track_score=('mean', 'max'))
    NUM_LEVELS = 4

    def __init__(self, *, backbone: dict, neck: dict, decoder: dict, encoder: dict | None = None,
                 num_queries: int = 300, mask_channels: int = 8, criterion: dict | None = None,
                 tracker: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.taxonomy_aware = MODELS.get(decoder['type']) is InjectionDecoder
        self.decoder = MODELS.build(decoder, default_args=dict(
            text_dims=self.text_dims) if self.taxonomy_aware else None)
        if self.taxonomy_aware and self.decoder.compilation.feature_levels == MASK_FEATURES:
            raise ValueError("model.decoder.compilation.feature_levels='mask': IDOL has no mask "
                             'features to compile a taxonomy from; expected indices of levels')
        dims, num_layers = self.decoder.embed_dims, self.decoder.num_layers
        self.encoder = DeformableEncoder(
            **{'num_layers': 6, **(encoder or {})}, embed_dims=dims, num_levels=self.NUM_LEVELS)
        self.position = SinePositionalEncoding(dims // 2, normalize=True, offset=-0.5)
        self.level_embed = nn.Parameter(torch.randn(self.NUM_LEVELS, dims))
        self.query_embedding = nn.Embedding(num_queries, 2 * dims)  # position, then content
        self.reference_points_fc = nn.Linear(dims, 2)
        self.bbox_head = BoxHead(
            embed_dims=dims, num_classes=self.num_classes, num_layers=num_layers)
        self.mask_branch = MaskBranch(embed_dims=dims, out_channels=mask_channels)
        self.mask_head = DynamicMaskHead(embed_dims=dims, feature_channels=mask_channels)
        self.reid_head = perceptron(dims, dims)
        self.criterion = MODELS.build(criterion or dict(type='DetectionCriterion'))
        self.taxonomy_head = None
        if self.taxonomy_aware and self.criterion.taxonomy_loss != 'off':
            self.taxonomy_head = sigmoid_classifier(dims, self.num_classes)
        self.tracker = tracker or dict(type='MemoryBankTracker')
        TASK_UTILS.build(self.tracker)  # a wrong option shall fail now
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise what is the model's own as the official code does."""
        self.encoder.reset_parameters()
        nn.init.xavier_uniform_(self.reference_points_fc.weight)
        nn.init.zeros_(self.reference_points_fc.bias)

    def extract(self, images: Tensor, sizes: Sequence[tuple[int, int]]) -> DeformableMemory:
        """Encoded features of independent frames.

        Args:
            images: (N, 3, H, W), normalised and padded.
            sizes: Height and width of each before padding.

        Returns:
            Of N images.
        """
        levels = self.neck(self.backbone(images.contiguous(memory_format=torch.channels_last)))
        padding = padding_of_levels(
            sizes, images.shape[-2:], [level.shape[-2:] for level in levels], images.device)
        memory = flatten_levels([level.float() for level in levels], padding)
        position = torch.cat([
            self.position(mask).flatten(2).transpose(1, 2) + embed
            for mask, embed in zip(padding, self.level_embed)
        ], dim=1)
        with torch.autocast(images.device.type, enabled=False):
            memory.tokens = self.encoder(memory.tokens, position, memory.spatial_shapes,
                                         memory.valid_ratios, memory.padding)
        return memory

    def decode(self, memory: DeformableMemory, frames: int, context: CategoryContext,
               auxiliary: bool = True) -> DecoderOutputs:
        """Decode independent frames.

        Args:
            memory: Of B clips, frame after frame.
            frames: T of a clip, for taxonomies of clips.
            context: Categories of the clips.
            auxiliary: Keep the predictions of all layers, not of the last alone.

        Returns:
            Of B * T images.
        """
        position, content = self.query_embedding.weight.chunk(2, dim=1)
        with torch.autocast(position.device.type, enabled=False):
            references = self.reference_points_fc(position).sigmoid()
        queries = DetectionQueries(content, position, references, self.bbox_head)
        # strides 32, 16 and 8
        levels, padding = (
            [level.unflatten(0, (-1, frames)) for level in reversed(maps[:3])]
            for maps in (memory.levels(), memory.level_padding()))
        masked = dict(padding=padding) if self.taxonomy_aware else {}
        return self.decoder(
            levels, None, context, memory=memory, queries=queries, auxiliary=auxiliary, **masked)

    def loss(self, inputs: Tensor, samples: Sequence) -> dict[str, Tensor]:
        """See VISModel.loss.

        Args:
            inputs: (B, 2, 3, H, W), key and reference frames; or (B, 1, 3, H, W), images, on which
                detection is trained alone and the embeddings have losses of zero.
            samples: B samples; with `frame_shapes` where the two frames have sizes of their own.

        Returns:
            Losses and figures to log.

        Raises:
            ValueError: If clips have another number of frames.
        """
        frames = inputs.shape[1]
        if frames > 2:
            raise ValueError('IDOL trains on clips of 2 frames, a key and a reference frame, or '
                             f'on images; got {frames}')
        clips, space = self.training_targets(samples)
        note_visible(clips)
        sizes = [sample.metainfo.get('frame_shapes') or [sample.metainfo['img_shape']] * frames
                 for sample in samples]
        targets = [PairTarget.from_clip(clip, size) for clip, size in zip(clips, sizes)]
        memory = self.extract(inputs.flatten(0, 1), [size for pair in sizes for size in pair])
        outputs = self.decode(memory, frames, self.training_context(space))
        key, reference = slice(0, None, frames), slice(frames - 1, None, frames)
        stages = [prediction.select(key) for prediction in outputs.predictions]
        last = outputs.predictions[-1]
        assigned = self.criterion.assign(stages, last.select(reference), targets)
        masks = self._matched_masks(
            memory.select(key), stages, assigned.matches, [pair[0] for pair in sizes])
        embeds = self.reid_head(last.query_embeds)
        losses = self.criterion(stages, masks, PairEmbeddings(embeds[key], embeds[reference]),
                                targets, assigned, space)
        if outputs.compiled is not None:
            logits = None
            if self.taxonomy_head is not None:
                logits = self.taxonomy_head(outputs.injected_queries[key])
            # a taxonomy of the clip was read from the reference frame as well
            shown = clips if self.decoder.compile_per == 'clip' else targets
            losses.update(self.criterion.taxonomy_losses(
                outputs.compiled.select(key), logits,
                self.decoder.compilation.score_supervision == 'bce', targets, assigned.matches,
                space, [target.labels for target in shown]))
        return losses

    def _matched_masks(self, memory: DeformableMemory, stages: Sequence[BoxPrediction],
                       matches: Matches, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Per layer, (M, H, W) logits of stride 4 of the matched queries, clip after clip."""
        per_clip = []
        for clip, features in enumerate(self.mask_branch(memory.levels())):
            chosen = [layer[clip].queries for layer in matches]
            queries, references = (
                torch.cat([values[clip, picked] for values, picked in zip(parts, chosen)])
                for parts in ([stage.query_embeds for stage in stages],
                              [stage.references for stage in stages]))
            logits = self.mask_head(features, queries, in_pixels(references, sizes[clip]))
            per_clip.append(logits.split([len(picked) for picked in chosen]))
        return [torch.cat(layer) for layer in zip(*per_clip)]

    def init_state(self, meta: Mapping[str, Any], source: FrameSource | None = None) -> TrackState:
        """See VISModel.init_state; the video is never read again."""
        return TrackState(
            space=self.evaluation_space(meta['vocabulary']), ori_shape=tuple(meta['ori_shape']),
            tracker=TASK_UTILS.build(self.tracker))

    @torch.no_grad()
    def step(self, frames: Tensor, state: TrackState) -> None:
        """See VISModel.step.

        Args:
            frames: (t, 3, h, w) uint8, RGB, resized.
            state: From `init_state`; changed.

        Raises:
            ValueError: If the frames change their size.
        """
        shape = tuple(frames.shape[-2:])
        if state.img_shape not in (None, shape):
            raise ValueError(f'expected frames of {state.img_shape} like before, got {shape}')
        state.img_shape = shape
        state.queue.push(frames)
        portion = self._frames_per_unit * max(
            1, self.test_cfg['frames_per_step'] // self._frames_per_unit)
        while len(state.queue) >= portion:
            self._take_in(state.queue.pop(portion), state)

    @property
    def _frames_per_unit(self) -> int:
        """Frames that share a taxonomy, counted from the first."""
        shares = getattr(self.decoder, 'compile_per', 'frame') == 'clip'
        return self.test_cfg['taxonomy_frames'] if shares else 1

    def _take_in(self, frames: Tensor, state: TrackState) -> None:
        """Detect and link; frames begin with a unit, of which the last may be a short one."""
        shape, unit = state.img_shape, min(len(frames), self._frames_per_unit)
        whole = len(frames) // unit * unit
        for part, length in ((frames[:whole], unit), (frames[whole:], len(frames) - whole)):
            if not len(part):
                continue
            memory = join_memories([
                self.extract(self.data_preprocessor.normalize(some), [shape] * len(some))
                for some in part.split(self.test_cfg['frames_per_step'])])
            context = state.space.context.for_frames(len(part) // length)
            outputs = self.decode(memory, length, context, auxiliary=False)
            if outputs.compiled is not None:
                scores = outputs.compiled.ranking.sum(0)
                state.score_sum = scores if state.score_sum is None else state.score_sum + scores
            prediction = outputs.predictions[-1]
            for frame, features in enumerate(self.mask_branch(memory.levels())):
                link_frame(prediction.class_logits[frame], prediction.boxes[frame],
                           partial(self._describe, features, prediction, frame, shape), state,
                           self.test_cfg)

    def _describe(self, features: Tensor, prediction: BoxPrediction, frame: int,
                  size: tuple[int, int], chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (n, C) and mask logits (n, h, w) of some queries of a frame."""
        queries = prediction.query_embeds[frame, chosen]
        references = in_pixels(prediction.references[frame, chosen], size)
        return self.reid_head(queries).float(), self.mask_head(features, queries, references)

    @torch.no_grad()
    def decode_rest(self, state: TrackState) -> None:
        """Take in what is left of a video after all steps.

        Args:
            state: From `init_state`, after all steps; changed.
        """
        if len(state.queue):
            self._take_in(state.queue.pop(len(state.queue)), state)

    @torch.no_grad()
    def finish(self, state: TrackState) -> InstanceData:
        """See VISModel.finish.

        Args:
            state: From `init_state`, after all steps.

        Returns:
            `scores` (M,), `labels` (M,) in the evaluation vocabulary, `tubes`; empty if nothing
            was tracked.

        Raises:
            ValueError: If there was no frame.
        """
        self.decode_rest(state)
        if not state.log.num_frames:
            raise ValueError('a video without frames can not be predicted')
        if state.score_sum is not None:
            state.compiled_labels = compiled_labels(
                state.score_sum / state.log.num_frames, state.space,
                self.decoder.compilation.num_selected)
        return collect_tracks(state, self.test_cfg)


def in_pixels(references: Tensor, size: tuple[int, int]) -> Tensor:
    """Points of an image in pixels.

    Args:
        references: (n, 2) as fractions of it, x first.
        size: Its height and width.

    Returns:
        (n, 2), x first.
    """
    return references * constant([size[1], size[0]], references)
