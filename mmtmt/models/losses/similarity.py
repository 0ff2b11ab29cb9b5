"""VITA's similarity loss: queries of one instance are alike, those of two are not."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmtmt.models.utils.products import inner_products


def similarity_loss(embeds: Sequence[Tensor], instances: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy of the inner products of all pairs of a clip (VITA, section 3.3).

    Args:
        embeds: Per clip (n, C), of the queries that were matched with an instance.
        instances: Per clip (n,) int64, the instance of each.

    Returns:
        Scalar, the mean over the pairs of all clips; 0 without any.
    """
    total, count = torch.stack([rows.sum() for rows in embeds]).sum() * 0.0, 0
    for rows, owners in zip(embeds, instances):
        same = owners[:, None] == owners[None]
        total = total + F.binary_cross_entropy_with_logits(
            inner_products(rows, rows), same.float(), reduction='sum')
        count += same.numel()
    return total / max(count, 1)
