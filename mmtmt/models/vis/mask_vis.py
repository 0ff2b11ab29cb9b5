"""What the models built on Mask2Former share: components, features, the set losses."""
from collections.abc import Sequence

import torch
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.set_criterion import ClipTarget, EmbeddedPrediction
from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.outputs import DecoderOutputs
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
        features = self.extract(inputs.flatten(0, 1))
        targets, space = self.training_targets(samples)
        levels = [level.unflatten(0, clips) for level in features.multi_scale]
        losses = {}
        if self.auxiliary_head is not None:
            losses['loss_semantic'] = self.auxiliary_head.loss(levels[-1], targets, space)
            if self.auxiliary_only:
                return losses
        outputs = self.decoder(
            levels, features.mask_features.unflatten(0, clips), self.training_context(space))
        losses.update(self.set_losses(outputs, targets, space))
        return losses

    def set_losses(self, outputs: DecoderOutputs, targets: Sequence[ClipTarget],
                   space: LabelSpace) -> dict[str, Tensor]:
        """Losses of the decoder's predictions, of each clip or of each frame as it decodes.

        Args:
            outputs: Of the decoder.
            targets: Of the B clips.
            space: Vocabularies of the clips.

        Returns:
            Of the criterion.
        """
        if self.UNIT == 'frame':
            space = space.for_frames(targets[0].masks.shape[1])
            targets = [frame for target in targets for frame in target.frames()]
        supervise = (outputs.compiled is not None
                     and self.decoder.compilation.score_supervision == 'bce')
        return self.criterion(
            stage_predictions(outputs), targets, space, outputs.compiled, supervise)


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
