"""Focal losses of classes and of whole masks (arXiv 1708.02002)."""
import torch
import torch.nn.functional as F
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.task_modules.match_costs import FOCAL_ALPHA, FOCAL_GAMMA


def focal_loss(logits: Tensor, targets: Tensor, alpha: float = FOCAL_ALPHA) -> Tensor:
    """Focal loss of every entry.

    Args:
        logits: Any shape.
        targets: The same shape, 0 or 1.
        alpha: Weight of the ones; that of the zeros is 1 - alpha.

    Returns:
        The same shape.
    """
    probability = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    wrong = probability + targets - 2 * probability * targets
    return (alpha * targets + (1 - alpha) * (1 - targets)) * entropy * wrong**FOCAL_GAMMA


def class_focal_loss(logits: Tensor, labels: Tensor, space: LabelSpace, mode: str,
                     alpha: float = FOCAL_ALPHA) -> Tensor:
    """Focal loss of sigmoid classifiers, divided by the number of matched queries.

    `union` counts every category. `masked` leaves out those outside of the sample's vocabulary.
    `marginal` leaves them out for unmatched queries, and for matched ones those that are
    compatible with the label, but not the label.

    Args:
        logits: (B, Q, K).
        labels: (B, Q) int64 in [0, K]; K is no object.
        space: Vocabularies of the samples.
        mode: One of LABEL_SPACE_LOSSES.
        alpha: Weight of the positive entries.

    Returns:
        Scalar.
    """
    num_classes = logits.shape[-1]
    matched = labels < num_classes
    targets = F.one_hot(labels, num_classes + 1)[..., :-1].float()
    loss = focal_loss(logits.float(), targets, alpha)
    if mode != 'union':
        counted = space.vocabulary[:, None].expand_as(loss)
        if mode == 'marginal':
            sample = torch.arange(len(labels), device=labels.device)[:, None]
            rivals = space.compatible[sample, labels.clamp(max=num_classes - 1)] & ~targets.bool()
            counted = torch.where(matched[..., None], ~rivals, counted)
        loss = loss * counted
    return loss.sum() / matched.sum().clamp(min=1)


def mask_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Focal loss of whole masks: mean over pixels, then over masks; zero without masks.

    Args:
        logits: (M, H, W).
        targets: (M, H, W) of 0 and 1.

    Returns:
        Scalar.
    """
    return focal_loss(logits, targets).flatten(1).mean(1).sum() / max(len(logits), 1)
