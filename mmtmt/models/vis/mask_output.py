"""From decoder outputs to predictions: the best (query, category) pairs and their masks."""
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmtmt.models.losses.label_space import restrict_logits


class BestPairs(NamedTuple):
    """The best (query, category) pairs of a video, by falling score.

    Attributes:
        scores: (M,) probabilities.
        labels: (M,) int64 evaluation labels.
        queries: (M,) int64.
        num_discarded: Pairs that were among the best, but have no evaluation label.
    """

    scores: Tensor
    labels: Tensor
    queries: Tensor
    num_discarded: int


def best_pairs(class_logits: Tensor, candidates: Tensor, labels: Tensor,
               max_per_video: int) -> BestPairs:
    """Choose the best (query, category) pairs and translate them to evaluation labels.

    The softmax runs over the candidates and no-object. A pair whose category has no evaluation
    label takes its place among the best and is then dropped (unified vocabulary).

    Args:
        class_logits: (Q, K + 1), no-object last.
        candidates: (K,) bool, categories that take part in the softmax.
        labels: (K,) int64, evaluation label of each category, -1 for none.
        max_per_video: Pairs at most.

    Returns:
        The pairs.
    """
    return best_scores(
        class_probabilities(class_logits, candidates), candidates, labels, max_per_video)


def class_probabilities(class_logits: Tensor, candidates: Tensor) -> Tensor:
    """Probabilities of the candidates, in a softmax over them and no-object.

    Args:
        class_logits: (Q, K + 1), no-object last.
        candidates: (K,) bool.

    Returns:
        (Q, number of candidates).
    """
    logits = restrict_logits(class_logits[None].float(), candidates[None])[0]
    return logits.softmax(-1)[:, candidates.nonzero().squeeze(1)]


def best_scores(probabilities: Tensor, candidates: Tensor, labels: Tensor,
                max_per_video: int) -> BestPairs:
    """Choose the best (query, category) pairs by their probabilities, see `best_pairs`.

    Args:
        probabilities: (Q, number of candidates).
        candidates: (K,) bool.
        labels: (K,) int64, evaluation label of each category, -1 for none.
        max_per_video: Pairs at most.

    Returns:
        The pairs.
    """
    columns = candidates.nonzero().squeeze(1)
    scores, pairs = probabilities.flatten().topk(min(max_per_video, probabilities.numel()))
    found = labels[columns[pairs % len(columns)]]
    queries = torch.div(pairs, len(columns), rounding_mode='floor')
    known = found >= 0
    return BestPairs(scores[known], found[known], queries[known], int((~known).sum()))


def masks_at_original_size(logits: Tensor, padded_shape: tuple[int, int],
                           img_shape: tuple[int, int], ori_shape: tuple[int, int],
                           nearest: bool = False) -> Tensor:
    """Upsample stride-4 mask logits to the stored frame and binarise them.

    Two steps as in the official code: to the padded input, of which the padding is cut off, then
    to the original size.

    Args:
        logits: (T, Q, h, w).
        padded_shape: Height and width of the padded input.
        img_shape: Height and width of the input before padding.
        ori_shape: Height and width of the masks.
        nearest: Whether the second step takes the nearest pixel, as in the official IDOL.

    Returns:
        (T, Q, *ori_shape) bool.
    """
    logits = logits_at_input_size(logits, padded_shape, img_shape)
    return binary_masks(logits, ori_shape, nearest)


def logits_at_input_size(logits: Tensor, padded_shape: tuple[int, int],
                         img_shape: tuple[int, int]) -> Tensor:
    """Upsample stride-4 mask logits to the padded input and cut its padding off.

    Args:
        logits: (T, Q, h, w).
        padded_shape: Height and width of the padded input.
        img_shape: Height and width of the input before padding.

    Returns:
        (T, Q, *img_shape).
    """
    logits = F.interpolate(logits, size=padded_shape, mode='bilinear', align_corners=False)
    return logits[..., :img_shape[0], :img_shape[1]]


def binary_masks(logits: Tensor, ori_shape: tuple[int, int], nearest: bool = False) -> Tensor:
    """Resize mask logits to the stored frame and binarise them.

    Args:
        logits: (T, Q, h, w) of the input before padding.
        ori_shape: Height and width of the masks.
        nearest: As for `masks_at_original_size`.

    Returns:
        (T, Q, *ori_shape) bool.
    """
    if nearest:
        masks = (logits > 0).to(torch.uint8)
        return F.interpolate(masks, size=ori_shape, mode='nearest').bool()
    if tuple(logits.shape[-2:]) != tuple(ori_shape):
        logits = F.interpolate(logits, size=ori_shape, mode='bilinear', align_corners=False)
    return logits > 0
