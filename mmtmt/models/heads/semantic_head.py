"""An auxiliary head for training from nothing: which category does each pixel show?"""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.models.losses.label_space import LabelSpace, classification_loss
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.registry import MODELS


@MODELS.register_module()
class SemanticHead(BaseModule):
    """Per-pixel classification of the finest attended level, a loss of training alone.

    Queries read the class of an object from the pixels that they attend to. With a pretrained
    backbone these tell classes apart from the start; without one this loss is a short way for the
    gradients of the classes, at best alone for the first iterations (SemanticWarmupHook). It is
    not part of Mask2Former-VIS or TMT-VIS, and off unless configured. In the demo, 650 iterations
    from random weights reached a mean AP50 of 0.50 with it and 0.35 without.

    Args:
        num_classes: K.
        in_channels: C of the attended levels.
        loss_weight: Weight of the loss.
        no_object_weight: Weight of pixels without an annotated object.
        label_space_loss: `union`, `masked` or `marginal`, see losses.label_space.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 256, loss_weight: float = 1.0,
                 no_object_weight: float = 0.1, label_space_loss: str = 'masked',
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.loss_weight = loss_weight
        self.no_object_weight = no_object_weight
        self.label_space_loss = label_space_loss
        self.classifier = nn.Conv2d(in_channels, num_classes + 1, 1)

    def loss(self, features: Tensor, targets: list[ClipTarget], space: LabelSpace) -> Tensor:
        """Weighted loss.

        Args:
            features: (B, T, C, h, w).
            targets: Of the B clips.
            space: Vocabularies of the clips.

        Returns:
            Scalar.
        """
        batch = features.shape[0]
        logits = self.classifier(features.flatten(0, 1))
        logits = logits.unflatten(0, (batch, -1)).movedim(2, -1).flatten(1, 3)
        labels = torch.stack([
            self._label_map(target, features.shape[-2:]).flatten() for target in targets])
        return self.loss_weight * classification_loss(
            logits, labels, self.no_object_weight, space, self.label_space_loss)

    def _label_map(self, target: ClipTarget, size: tuple[int, int]) -> Tensor:
        """(T, h, w) int64: the category that covers most of each cell, K where less than half."""
        covered = F.interpolate(target.masks, size=size, mode='area')
        # a first row for "nothing": it wins where no object covers half of the cell
        nothing = covered.new_full((1, *covered.shape[1:]), 0.5)
        rows = torch.cat((nothing, covered)).argmax(0)
        none = target.labels.new_full((1,), self.num_classes)
        return torch.cat((none, target.labels))[rows]
