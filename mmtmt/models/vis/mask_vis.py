"""What the models built on Mask2Former share: components, features, the set losses."""
from collections.abc import Sequence

import torch
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.stage_prediction import EmbeddedPrediction
from mmtmt.models.losses.targets import ClipTarget, note_visible
from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.outputs import CategoryContext, DecoderOutputs, QueryPrediction
from mmtmt.models.vis.base import VISModel
from mmtmt.registry import MODELS


class MaskVISModel(VISModel):
    """Base of the models built on Mask2Former.

    Args:
        backbone: Config; four maps of strides 4, 8, 16, 32.
        pixel_decoder: Config.
        decoder: Config of a decoder with `UNIT` as its unit, or of an InjectionDecoder around one.
        criterion: Config of the criterion.
        auxiliary_head: Config of a SemanticHead, for training without a pretrained backbone.
        **kwargs: Of VISModel.
    """

    UNIT = 'clip'  # what one set of queries is decoded from
    VISIBLE_ONLY = False  # whether frames are supervised with the instances that they show alone

    def __init__(self, *, backbone: dict, pixel_decoder: dict, decoder: dict,
                 criterion: dict | None = None, auxiliary_head: dict | None = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        self.pixel_decoder = MODELS.build(pixel_decoder)
        self.decoder = MODELS.build(decoder, default_args=dict(
            num_classes=self.num_classes, text_dims=self.text_dims))
        if self.decoder.unit != self.UNIT:
            raise ValueError(f'model.decoder: {type(self).__name__} expects a decoder of a '
                             f'{self.UNIT}, got one of a {self.decoder.unit}')
        self.criterion = MODELS.build(criterion or dict(type='VideoSetCriterion'))
        if self.criterion.taxonomy_loss == 'cost' and not hasattr(self.decoder, 'injection'):
            raise ValueError("model.criterion: taxonomy_loss='cost' reads the prediction right "
                             'after the injection, which needs an InjectionDecoder')
        self.auxiliary_head = auxiliary_head and MODELS.build(
            auxiliary_head, default_args=dict(num_classes=self.num_classes))
        self.auxiliary_only = False  # set by SemanticWarmupHook

    @property
    def classifier(self) -> str:
        """`linear` or `text`."""
        return self.decoder.head.classifier

    def extract(self, images: Tensor) -> PixelFeatures:
        """Features of independent frames.

        Args:
            images: (N, 3, H, W), normalised and padded.

        Returns:
            Features of N images.
        """
        # with channels last a map and the tokens of its pixels are the same memory
        images = images.contiguous(memory_format=torch.channels_last)
        return self.pixel_decoder(self.backbone(images))

    def loss(self, inputs: Tensor, samples: Sequence) -> dict[str, Tensor]:
        """See VISModel.loss."""
        clips = inputs.shape[:2]
        targets, space = self.training_targets(samples)
        if self.VISIBLE_ONLY:
            note_visible(targets)
        features = self.extract(inputs.flatten(0, 1))
        levels = [level.unflatten(0, clips) for level in features.multi_scale]
        losses = {}
        if self.auxiliary_head is not None:
            losses['loss_semantic'] = self.auxiliary_head.loss(levels[-1], targets, space)
            if self.auxiliary_only:
                return losses
        context = self.training_context(space)
        outputs = self.decoder(levels, features.mask_features.unflatten(0, clips), context)
        losses.update(self.set_losses(outputs, features, targets, space, context))
        return losses

    def set_losses(self, outputs: DecoderOutputs, features: PixelFeatures,
                   targets: Sequence[ClipTarget], space: LabelSpace,
                   context: CategoryContext) -> dict[str, Tensor]:
        """Losses of the decoder's predictions, of each clip or of each frame as it decodes.

        Args:
            outputs: Of the decoder.
            features: Of the B * T frames.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            context: What the decoder was given of categories.

        Returns:
            Of the criterion.
        """
        units, unit_space = self.units(targets, space)
        return self.criterion(
            stage_predictions(outputs.predictions, outputs.mask_features), units, unit_space,
            outputs.compiled, self.supervises_score, self.taxonomy_labels(targets, units))

    def units(self, targets: Sequence[ClipTarget],
              space: LabelSpace) -> tuple[Sequence[ClipTarget], LabelSpace]:
        """What the decoder is supervised with: the clips, or all their frames.

        Args:
            targets: Of the B clips.
            space: Vocabularies of the clips.

        Returns:
            The same of B clips or of B * T frames.
        """
        if self.UNIT == 'clip':
            return targets, space
        frames = [frame for target in targets for frame in target.frames(self.VISIBLE_ONLY)]
        return frames, space.for_frames(targets[0].masks.shape[1])

    def taxonomy_labels(self, targets: Sequence[ClipTarget],
                        units: Sequence[ClipTarget]) -> list[Tensor]:
        """What the taxonomy of each unit should hold.

        Args:
            targets: Of the B clips.
            units: The same of B clips or of B * T frames.

        Returns:
            Labels per unit: its own, or those of its clip where all frames share a taxonomy.
        """
        if getattr(self.decoder, 'compile_per', self.UNIT) == self.UNIT:
            return [unit.labels for unit in units]
        return [target.labels for target in targets for _ in range(len(units) // len(targets))]

    @property
    def supervises_score(self) -> bool:
        """Whether the decoder compiles a taxonomy whose scores are trained by their own loss."""
        compilation = getattr(self.decoder, 'compilation', None)
        return compilation is not None and compilation.score_supervision == 'bce'


def stage_predictions(predictions: Sequence[QueryPrediction],
                      mask_features: Tensor) -> list[EmbeddedPrediction]:
    """A decoder's predictions in the form that the criterion reads.

    Args:
        predictions: Of each stage, for L times the same B clips, one after another.
        mask_features: (B, T, C_mask, H, W).

    Returns:
        Of each stage.
    """
    features = mask_features.unbind()  # once: their gradients are stacked once
    features = features * (len(predictions[0].class_logits) // len(features))
    return [
        EmbeddedPrediction(prediction.class_logits, prediction.mask_embeds, features)
        for prediction in predictions
    ]
