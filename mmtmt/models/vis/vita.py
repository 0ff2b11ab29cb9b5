"""VITA, and TMT-VIS on it: an image model whose queries are all that is looked at of a video."""
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mmtmt.models.decoders import ClipOutputs
from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.set_criterion import Matches
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.losses.vita_criterion import SimilarityInputs
from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.outputs import CategoryContext, DecoderOutputs
from mmtmt.models.utils import TensorStore
from mmtmt.models.utils.transfer import to_device
from mmtmt.models.vis.frame_decoding import FrameDecodingModel
from mmtmt.models.vis.mask_output import BestPairs, best_pairs
from mmtmt.models.vis.mask_vis import stage_predictions
from mmtmt.models.vis.video_state import ClipRecord, VideoState
from mmtmt.registry import MODELS


@dataclass
class VITAState(VideoState):
    """A video on its way through VITA.

    Attributes:
        tokens: (Q_f, C) of each frame, in `one_pass` of those of the clip being filled: its
            queries, until they are decoded.
        score_logits: Tensors (t, K), taxonomy scores of the frames of the clip being filled.
        class_logits: (Q, K + 1) of the whole video, once it is decoded.
        foreground: (Q, 2) float64 of the video queries, the sum of mask probabilities over a
            mask, and the mask's size in pixels; None before the first mask.
    """

    tokens: TensorStore = field(default_factory=TensorStore)
    score_logits: list[Tensor] = field(default_factory=list)
    class_logits: Tensor | None = None
    foreground: Tensor | None = None


@MODELS.register_module()
class VITA(FrameDecodingModel):
    """VITA (arXiv 2206.04403); TMT-VIS on it with an InjectionDecoder as its decoder.

    Frames are decoded on their own, with their own losses; a clip decoder reads their queries and
    predicts instances of the whole video. A prediction's score is the probability of its class
    times the mean probability of the pixels of its mask.

    Of each frame its queries are kept, Q_f * C numbers (100 kB for 100 queries of 256), those of
    long videos in a temporary file, see TensorStore, from which they are decoded in blocks; and of
    at most `clip_length` frames the mask features. A longer video is read a second time for the
    masks (`two_pass`), with the results of a video decoded at once. In `one_pass` each clip is
    decoded as a video of its own, and its queries are linked to those of the clip before as in
    Mask2FormerVIS, by `clip_overlap` frames that both have.

    Args:
        clip_decoder: Config of a VITADecoder.
        clip_criterion: Config of its criterion.
        training_layers: L, the last layers of the frame decoder whose queries the clip decoder is
            trained on; in prediction it reads those of the last one.
        freeze_detector: Train the clip decoder alone: backbone, pixel decoder and frame decoder
            keep their weights and have no losses.
        freeze_taxonomy: Whether the taxonomy branch is a part of the frozen detector; otherwise it
            trains, with its own losses and those of the clips.
        **kwargs: Of FrameDecodingModel; `test_cfg` also takes `clip_overlap`, for `one_pass`.
    """

    VISIBLE_ONLY = True
    TEST_DEFAULTS = dict(FrameDecodingModel.TEST_DEFAULTS, clip_overlap=4)
    TEST_FROM_ZERO = ('clip_overlap', )
    STATE = VITAState

    def __init__(self, *, clip_decoder: dict, clip_criterion: dict | None = None,
                 training_layers: int = 3, freeze_detector: bool = False,
                 freeze_taxonomy: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 1 <= training_layers <= self.decoder.num_layers:
            raise ValueError(f'model.training_layers: expected 1 to {self.decoder.num_layers}, the '
                             f'layers of the frame decoder, got {training_layers}')
        self.clip_decoder = MODELS.build(clip_decoder, default_args=dict(
            num_classes=self.num_classes, text_dims=self.text_dims,
            num_frame_queries=self.decoder.num_queries))
        self.clip_criterion = MODELS.build(clip_criterion or self._default_criterion())
        self.training_layers = training_layers
        self.freeze_detector = freeze_detector
        self.trains_taxonomy = freeze_detector and not freeze_taxonomy
        self._freeze(freeze_taxonomy)
        injected = not freeze_detector or self.trains_taxonomy
        for name, there in (('criterion', injected), ('clip_criterion', False)):
            if getattr(self, name).taxonomy_loss == 'cost' and not there:
                raise ValueError(f"model.{name}: taxonomy_loss='cost' reads the prediction right "
                                 'after the injection, which is not among what it gets')

    @staticmethod
    def _default_criterion() -> dict:
        return dict(type='VITACriterion')

    @property
    def clip_overlap(self) -> int:
        """Frames that a clip shares with the one before; none if all are decoded together."""
        return self.test_cfg['clip_overlap'] if self.test_cfg['long_video'] == 'one_pass' else 0

    @property
    def classifier(self) -> str:
        """`linear` or `text`, of the clip decoder."""
        return self.clip_decoder.head.classifier

    @property
    def _detector(self) -> tuple[nn.Module, ...]:
        return self.backbone, self.pixel_decoder, self.decoder

    def _freeze(self, freeze_taxonomy: bool) -> None:
        if not freeze_taxonomy and not (
                self.freeze_detector and hasattr(self.decoder, 'compilation')):
            raise ValueError('model.freeze_taxonomy=False leaves the taxonomy branch out of a '
                             'frozen detector: it needs freeze_detector=True and an '
                             'InjectionDecoder')
        if self.freeze_detector:
            for module in self._detector:
                module.requires_grad_(False)
        if self.trains_taxonomy:
            self.decoder.compilation.requires_grad_(True)
            self.decoder.injection.requires_grad_(True)

    def train(self, mode: bool = True) -> 'VITA':
        """Set the mode; a frozen detector stays as it is in prediction.

        Args:
            mode: Whether to train.

        Returns:
            The model.
        """
        super().train(mode)
        if self.freeze_detector:
            for module in self._detector:
                module.eval()
        return self

    def set_losses(self, outputs: DecoderOutputs, features: PixelFeatures,
                   targets: Sequence[ClipTarget], space: LabelSpace,
                   context: CategoryContext) -> dict[str, Tensor]:
        """Losses of the frames, and of the clips with the prefix `clip.`.

        Args:
            outputs: Of the decoder.
            features: Of the B * T frames.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            context: What the decoder was given of categories.

        Returns:
            Of both criteria.
        """
        losses, matches = self.frame_losses(outputs, targets, space)
        clips = (len(targets), -1)
        queries = torch.stack([
            prediction.query_embeds for prediction in outputs.predictions[-self.training_layers:]])
        losses.update(self.clip_losses(
            queries.unflatten(1, clips).flatten(0, 1),
            self.emitted_features(features).unflatten(0, clips), targets, space, context, matches))
        return losses

    def frame_losses(self, outputs: DecoderOutputs, targets: Sequence[ClipTarget],
                     space: LabelSpace) -> tuple[dict[str, Tensor], Matches]:
        """Losses of the detector as far as it trains, and what its queries were matched with.

        Args:
            outputs: Of the decoder.
            targets: Of the B clips.
            space: Vocabularies of the clips.

        Returns:
            Losses, and L * B * T matches with instances of the clips, see SimilarityInputs.
        """
        frames, frame_space = self.units(targets, space)
        stages = stage_predictions(outputs.predictions, outputs.mask_features)
        if self.freeze_detector:
            first = stages[:1] if self.trains_taxonomy else []
            stages = first + stages[-self.training_layers:]
        assigned = self.criterion.assign(
            stages, frames, frame_space, for_losses=not self.freeze_detector)
        losses = {}
        if not self.freeze_detector:
            losses = self.criterion.set_losses(stages, assigned, frames, frame_space)
        if outputs.compiled is not None and (self.trains_taxonomy or not self.freeze_detector):
            losses.update(self.criterion.taxonomy_losses(
                stages, assigned, frames, frame_space, outputs.compiled, self.supervises_score,
                self.taxonomy_labels(targets, frames)))
        # from the instances that a frame shows to those of its clip
        shown = to_device([frame.nonzero().squeeze(1)
                           for target in targets for frame in target.visible.unbind(1)],
                          targets[0].labels.device)
        return losses, [
            (queries, instances[found])
            for assignment in assigned[-self.training_layers:]
            for instances, (queries, found) in zip(shown, assignment.matches)
        ]

    def clip_losses(self, queries: Tensor, mask_features: Tensor, targets: Sequence[ClipTarget],
                    space: LabelSpace, context: CategoryContext,
                    matches: Matches) -> dict[str, Tensor]:
        """Losses of the clip decoder.

        Args:
            queries: (L * B, T, Q_f, C) of the frames.
            mask_features: (B, T, C_mask, H, W) of the clip decoder.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            context: Texts of the categories.
            matches: Of the frame queries.

        Returns:
            Losses with the prefix `clip.`.
        """
        outputs = self.clip_decoder(queries, context)
        return self.losses_of(outputs, mask_features, targets, space, matches, 'clip.')

    def losses_of(self, outputs: ClipOutputs, mask_features: Tensor,
                  targets: Sequence[ClipTarget], space: LabelSpace, matches: Matches,
                  prefix: str) -> dict[str, Tensor]:
        """Losses of what the clip decoder made of the clips.

        Args:
            outputs: Of L * B samples.
            mask_features: (B, T, C_mask, H, W).
            targets: Of the B clips.
            space: Vocabularies of the clips.
            matches: L * B * T, of the frame queries.
            prefix: What the names of the losses begin with.

        Returns:
            Losses.
        """
        losses = self.clip_criterion(
            stage_predictions(outputs.predictions, mask_features), targets, space,
            SimilarityInputs(*self.clip_decoder.similarity_embeds(outputs), matches))
        return {f'{prefix}{name}': value for name, value in losses.items()}

    def emitted_features(self, features: PixelFeatures) -> Tensor:
        """The clip decoder's own mask features.

        Args:
            features: Of t frames.

        Returns:
            (t, C_mask, H, W).
        """
        return self.clip_decoder.mask_feature(features.stride4)

    def add_frames(self, features: PixelFeatures, state: VITAState) -> None:
        """Decode frames and keep their queries.

        Args:
            features: Of t frames.
            state: Changed.
        """
        prediction, scores = self.decode_frames(features, state)
        state.tokens.append(prediction.query_embeds)
        if scores is not None:
            state.score_logits.append(scores)

    def decode_clip(self, state: VITAState) -> ClipRecord:
        """End a clip; what it shows is known at the end of the video, but for `one_pass`.

        Args:
            state: Changed.

        Returns:
            What is kept of the clip.
        """
        length = state.num_waiting
        record = ClipRecord(length - state.num_shared, None, None, pop_mean(state.score_logits))
        if self.test_cfg['long_video'] == 'one_pass':
            tokens, state.tokens = state.tokens, TensorStore()
            if state.overlap:
                state.tokens.append(tokens.read(max(0, length - state.overlap), length))
            prediction = self.clip_decoder.decode_video(tokens, state.space.context)
            order = state.linker.link(
                prediction.query_embeds[0], prediction.mask_embeds[0], state.shared_features())
            record.class_logits = prediction.class_logits[0][order]
            record.mask_embeds = prediction.mask_embeds[:, order]
        return record

    def end_video(self, state: VITAState) -> None:
        """Decode all frames together.

        Args:
            state: Changed.
        """
        if self.test_cfg['long_video'] == 'one_pass':
            return
        prediction = self.clip_decoder.decode_video(state.tokens, state.space.context)
        state.tokens = TensorStore()
        state.class_logits = prediction.class_logits[0]
        for record in state.records:
            record.mask_embeds = prediction.mask_embeds

    def best_pairs(self, state: VITAState, max_per_video: int) -> BestPairs:
        """The best pairs of the video, or in `one_pass` of the clips so far.

        Args:
            state: With at least one record.
            max_per_video: Pairs at most.

        Returns:
            The pairs.
        """
        if state.class_logits is None:
            return super().best_pairs(state, max_per_video)
        return best_pairs(
            state.class_logits, state.space.competing, state.space.labels, max_per_video)

    def see_masks(self, queries: Tensor, logits: Tensor, state: VITAState) -> None:
        """Add up the probabilities of the pixels of each mask.

        Args:
            queries: (n,) int64, whose masks; none twice.
            logits: (t, n, h, w) at the size of the input.
            state: Changed.
        """
        logits = logits.float()
        inside = logits > 0
        sums = torch.stack((logits.sigmoid() * inside, inside.to(logits)), dim=-1).sum((2, 3))
        if state.foreground is None:
            state.foreground = sums.new_zeros(
                self.clip_decoder.query_feat.num_embeddings, 2, dtype=torch.float64)
        state.foreground[queries] += sums.double().sum(0)  # (probability, pixels)

    def final_scores(self, best: BestPairs, state: VITAState) -> Tensor:
        """Probability of the class times the mean probability of the mask's pixels.

        Args:
            best: The chosen pairs.
            state: After the masks of their queries were made.

        Returns:
            (M,); 0 where a mask is empty in all frames.
        """
        if state.foreground is None:
            return best.scores * 0
        probability, pixels = state.foreground[best.queries].unbind(1)
        return best.scores * (probability / (pixels + 1e-6)).to(best.scores)


def pop_mean(values: list[Tensor]) -> Tensor | None:
    """Mean over the rows of some tensors.

    Args:
        values: Tensors (t, K), taken out of the list.

    Returns:
        (K,); None without any.
    """
    if not values:
        return None
    mean = torch.cat(values).mean(0)
    values.clear()
    return mean
