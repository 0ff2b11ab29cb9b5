"""Point-wise mask losses of Mask2Former, one row per (instance, frame)."""
import torch.nn.functional as F
from torch import Tensor


def point_bce_loss(logits: Tensor, targets: Tensor, num_masks: Tensor) -> Tensor:
    """Binary cross-entropy: mean over points, sum over rows, divided by the number of instances.

    The rows of all frames are summed while the divisor counts instances, so the loss grows with
    the number of frames, as in the official video code.

    Args:
        logits: (rows, P).
        targets: (rows, P) in [0, 1].
        num_masks: (), instances of the batch, averaged over ranks.

    Returns:
        Scalar.
    """
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    return loss.mean(1).sum() / num_masks


def point_dice_loss(logits: Tensor, targets: Tensor, num_masks: Tensor) -> Tensor:
    """Dice loss with one added to both sides, summed over rows, divided by the instances.

    Args:
        logits: (rows, P).
        targets: (rows, P) in [0, 1].
        num_masks: (), instances of the batch, averaged over ranks.

    Returns:
        Scalar.
    """
    probability = logits.sigmoid()
    overlap = 2 * (probability * targets).sum(-1)
    loss = 1 - (overlap + 1) / (probability.sum(-1) + targets.sum(-1) + 1)
    return loss.sum() / num_masks
