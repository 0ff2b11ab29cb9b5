"""Costs between predictions and targets, and the parameters that costs share with losses."""
import logging
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmtmt.models.utils.transfer import to_host

# Of the focal cost and the focal losses (arXiv 1708.02002).
FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0


def collect_finite(costs: Sequence[Tensor]) -> list[Tensor]:
    """Copy costs to the CPU at once, where they are made finite and solved.

    Args:
        costs: Any shapes.

    Returns:
        Finite copies. Where they were not, any matching does: the loss is not finite either, and
        that is what gets reported.
    """
    copies = to_host(costs)
    if all(bool(copy.isfinite().all()) for copy in copies):
        return copies
    print_log('matching costs are not finite', 'current', logging.WARNING)
    return [torch.nan_to_num(copy, nan=0.0, posinf=1e6, neginf=-1e6) for copy in copies]


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
