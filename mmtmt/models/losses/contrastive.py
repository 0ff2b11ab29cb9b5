"""Contrastive losses between the objects of a key frame and the queries of a reference frame."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmtmt.models.task_modules.contrast_selector import ContrastChoice
from mmtmt.models.utils.products import inner_products


def contrastive_losses(keys: Sequence[Tensor], references: Sequence[Tensor],
                       choices: Sequence[ContrastChoice]) -> tuple[Tensor, Tensor]:
    """Contrast each object's key embedding with its positives and negatives.

    The first loss is log(1 + sum over positives p and negatives n of exp(v n - v p)) with the
    inner products of the key embedding v; the second the mean squared error of cosines, against
    1 for positives and 0 for ten times as many drawn negatives (IDOL, equations 2 and 3, and the
    official code).

    Args:
        keys: Per clip, (N, C) embeddings of the objects' best queries in the key frame.
        references: Per clip, (Q, C) embeddings of all queries in the reference frame.
        choices: Per clip, for the same N objects.

    Returns:
        Both losses, means over the objects of all clips; zeros that keep the embeddings in the
        graph when there is none.
    """
    contrast, auxiliary = [], []
    for key, reference, choice in zip(keys, references, choices):
        contrast.append(_contrast(inner_products(key, reference), choice))
        cosine = inner_products(*(F.normalize(rows.float(), dim=1) for rows in (key, reference)))
        auxiliary.append(_auxiliary(cosine, choice))
    count = max(sum(map(len, contrast)), 1)
    idle = sum(embeds.sum() for embeds in references) * 0
    return torch.cat(contrast).sum() / count + idle, torch.cat(auxiliary).sum() / count


def _contrast(products: Tensor, choice: ContrastChoice) -> Tensor:
    """(N,) losses: all pairs of a positive and a negative factor into two sums."""
    lowest = torch.finfo(products.dtype).min / 4  # an empty sum must not meet an infinity
    positive = (-products).masked_fill(~choice.positive, lowest).logsumexp(1)
    negative = products.masked_fill(~choice.negative, lowest).logsumexp(1)
    return F.softplus(positive + negative)


def _auxiliary(cosine: Tensor, choice: ContrastChoice) -> Tensor:
    """(N,) mean squared errors over the positives and the drawn negatives."""
    error = (cosine - 1)**2 * choice.positive + cosine**2 * choice.drawn
    return error.sum(1) / (choice.positive.sum(1) + choice.drawn.sum(1)).clamp(min=1)
