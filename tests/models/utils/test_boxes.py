"""Boxes of masks and their overlaps."""
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps

from mmtmt.models.utils.boxes import giou_loss, pairwise_giou, pairwise_iou, relative_boxes


def test_relative_boxes():
    masks = torch.zeros(3, 32, 64)
    masks[0, 4:8, 10:30] = 1
    masks[1, 0, 0] = masks[1, 15, 39] = 1  # two pixels
    # the image is smaller than its padding
    boxes = relative_boxes(masks, (16, 40))
    expected = [[20 / 40, 6 / 16, 20 / 40, 4 / 16], [0.5, 0.5, 1, 1], [0, 0, 0, 0]]
    torch.testing.assert_close(boxes, torch.tensor(expected))
    assert relative_boxes(masks[:0], (16, 40)).shape == (0, 4)


def test_overlaps_equal_mmdets():
    generator = torch.Generator().manual_seed(0)
    boxes, others = (torch.rand(n, 4, generator=generator) * 0.5 + 0.2 for n in (7, 5))
    corners = [bbox_cxcywh_to_xyxy(value) for value in (boxes, others)]
    torch.testing.assert_close(pairwise_iou(boxes, others), bbox_overlaps(*corners))
    torch.testing.assert_close(
        pairwise_giou(boxes, others), bbox_overlaps(*corners, mode='giou'), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        giou_loss(boxes[:5], others), 1 - pairwise_giou(boxes[:5], others).diagonal())
