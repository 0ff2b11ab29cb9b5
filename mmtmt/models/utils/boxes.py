"""Boxes: of masks, and how far they overlap. Centre form (x, y, width, height) as fractions."""
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from torch import Tensor

from mmtmt.models.utils.transfer import constant
from mmtmt.structures.boxes import boxes_of_masks

EPSILON = 1e-7


def relative_boxes(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """The smallest boxes around masks, as fractions of the image.

    Args:
        masks: (N, H, W); every pixel above 0 counts.
        size: Height and width of the image, at most H and W, which may be padded.

    Returns:
        (N, 4) in centre form; zeros for empty masks.
    """
    boxes = boxes_of_masks(masks > 0)
    height, width = size
    return bbox_xyxy_to_cxcywh(boxes / constant([width, height, width, height], boxes))


def pairwise_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every pair.

    Args:
        boxes: (..., Q, 4) in centre form.
        others: (N, 4) in centre form.

    Returns:
        (..., Q, N).
    """
    intersection, union, _ = _areas(boxes[..., :, None, :], others)
    return intersection / union


def pairwise_giou(boxes: Tensor, others: Tensor) -> Tensor:
    """Generalised intersection over union of every pair.

    Args:
        boxes: (..., Q, 4) in centre form.
        others: (N, 4) in centre form.

    Returns:
        (..., Q, N).
    """
    intersection, union, hull = _areas(boxes[..., :, None, :], others)
    return intersection / union - (hull - union) / (hull + EPSILON)


def giou_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - generalised intersection over union of each box and its target.

    Args:
        boxes: (M, 4) in centre form.
        targets: (M, 4) in centre form.

    Returns:
        (M,).
    """
    intersection, union, hull = _areas(boxes, targets)
    return 1 - intersection / (union + EPSILON) + (hull - union) / (hull + EPSILON)


def _areas(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Areas of the intersection, of the union and of the hull of broadcast boxes."""
    boxes, others = bbox_cxcywh_to_xyxy(boxes), bbox_cxcywh_to_xyxy(others)
    sizes = [corners[..., 2:] - corners[..., :2] for corners in (boxes, others)]
    inner = (torch.minimum(boxes[..., 2:], others[..., 2:])
             - torch.maximum(boxes[..., :2], others[..., :2])).clamp(min=0)
    outer = (torch.maximum(boxes[..., 2:], others[..., 2:])
             - torch.minimum(boxes[..., :2], others[..., :2])).clamp(min=0)
    intersection = inner.prod(-1)
    return intersection, sizes[0].prod(-1) + sizes[1].prod(-1) - intersection, outer.prod(-1)
