"""Point-wise mask losses of Mask2Former, one row per (instance, frame)."""
import torch
import torch.nn.functional as F
from torch import Tensor


def point_bce_loss(logits: Tensor, targets: Tensor, num_masks: float) -> Tensor:
    """Binary cross-entropy: mean over points, sum over rows, divided by the number of instances.

    The rows of all frames are summed while the divisor counts instances, so the loss grows with
    the number of frames, as in the official video code.

    Args:
        logits: (rows, P).
        targets: (rows, P) in [0, 1].
        num_masks: Instances of the batch, averaged over ranks.

    Returns:
        Scalar.
    """
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    return loss.mean(1).sum() / num_masks


def point_dice_loss(logits: Tensor, targets: Tensor, num_masks: float) -> Tensor:
    """Dice loss with one added to both sides, summed over rows, divided by the instances.

    Args:
        logits: (rows, P).
        targets: (rows, P) in [0, 1].
        num_masks: Instances of the batch, averaged over ranks.

    Returns:
        Scalar.
    """
    probability = logits.sigmoid()
    overlap = 2 * (probability * targets).sum(-1)
    loss = 1 - (overlap + 1) / (probability.sum(-1) + targets.sum(-1) + 1)
    return loss.sum() / num_masks


def pairwise_mask_costs(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """BCE and dice between every prediction and every target, without gradients.

    Args:
        logits: (P, Q); points first, so that sums over them read whole rows.
        targets: (N, P) in [0, 1].

    Returns:
        Two matrices (Q, N).
    """
    logits, targets = logits.float(), targets.float()
    # with a row of ones the products also sum up the predictions
    rows = torch.cat((targets, targets.new_ones(1, len(logits))))
    with torch.autocast(logits.device.type, enabled=False):  # the sums leave float16's range
        inside, everywhere = (rows @ logits).split((len(targets), 1))
        overlap, size = (rows @ logits.sigmoid()).split((len(targets), 1))
    # BCE(x, 1) = softplus(x) - x and BCE(x, 0) = softplus(x)
    bce = (_summed_softplus(logits, everywhere) - inside) / len(logits)
    dice = 1 - (2 * overlap + 1) / (size + targets.sum(1)[:, None] + 1)
    return bce.t(), dice.t()


def _summed_softplus(logits: Tensor, total: Tensor) -> Tensor:
    """Sum over points of max(x, 0) - log(sigmoid(|x|)).

    The logarithm is most of the work, and one of a product does for several points. The factors are
    at least 1/2, a product has at most 3^4 of them.

    Args:
        logits: (P, Q).
        total: (1, Q), their sums.

    Returns:
        (1, Q).
    """
    factors = logits.abs()
    positive = (total + factors.sum(0)) / 2
    factors.sigmoid_()
    for _ in range(4):
        half = len(factors) // 2
        if not half:
            break
        if len(factors) % 2:
            factors[0] *= factors[-1]
        factors = factors[:half].mul_(factors[half:2 * half])
    return positive - factors.log_().sum(0)
