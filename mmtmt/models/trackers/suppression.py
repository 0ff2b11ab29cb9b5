"""Greedy suppression of detections that overlap better ones."""
import torch
from torch import Tensor

from mmtmt.models.utils.boxes import pairwise_iou
from mmtmt.models.utils.products import inner_products

EPSILON = 1e-6  # two empty masks are duplicates of each other


def select_detections(probabilities: Tensor, boxes: Tensor, threshold: float,
                      box_nms: float) -> Tensor:
    """The queries of a frame that are worth tracking, at least one.

    Args:
        probabilities: (Q, K).
        boxes: (Q, 4) in centre form.
        threshold: A query needs a category above it.
        box_nms: Overlap with a better box of the same category above which a query is dropped.

    Returns:
        (n,) int64, best first.
    """
    scores, labels = probabilities.max(1)
    chosen = (scores > threshold).nonzero().squeeze(1)
    if not len(chosen):
        return scores.argmax()[None]
    chosen = chosen[scores[chosen].argsort(descending=True, stable=True)]
    boxes, labels = boxes[chosen].float(), labels[chosen]
    overlaps = pairwise_iou(boxes, boxes) * (labels[:, None] == labels)
    return chosen[greedy_suppression(overlaps, box_nms).to(chosen.device)]


def greedy_suppression(overlaps: Tensor, threshold: float) -> Tensor:
    """Keep each detection unless it overlaps one that was kept before it.

    Args:
        overlaps: (n, n) in [0, 1], best detections first.
        threshold: Overlaps above it suppress.

    Returns:
        (n,) bool.
    """
    above = (overlaps > threshold).cpu().numpy()
    keep = above.diagonal() | True
    for index in range(len(keep) - 1):
        if keep[index]:
            keep[index + 1:] &= ~above[index, index + 1:]
    return torch.from_numpy(keep)


def mask_overlaps(masks: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every pair of masks.

    Args:
        masks: (n, H, W) bool.
        others: (m, H, W) bool.

    Returns:
        (n, m) float32.
    """
    rows, columns = masks.flatten(1).float(), others.flatten(1).float()
    intersection = inner_products(rows, columns)
    union = rows.sum(1)[:, None] + columns.sum(1) - intersection
    return (intersection + EPSILON) / (union + EPSILON)
