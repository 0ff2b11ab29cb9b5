"""Greedy suppression, and the choice of detections."""
import torch

from mmtmt.models.trackers import greedy_suppression, mask_overlaps, select_detections

BOXES = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 0.4, 0.39], [0.2, 0.2, 0.1, 0.1]])


def test_what_was_suppressed_suppresses_nothing():
    overlaps = torch.tensor([[1, 0.6, 0.1], [0.6, 1, 0.6], [0.1, 0.6, 1]])
    assert greedy_suppression(overlaps, 0.5).tolist() == [True, False, True]
    assert greedy_suppression(overlaps, 0.6).tolist() == [True, True, True]  # above, not at
    assert greedy_suppression(overlaps[:1, :1], 0.0).tolist() == [True]


def test_empty_masks_are_doubles():
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[2, :2] = True
    overlaps = mask_overlaps(masks, masks)
    assert overlaps[0, 1] == 1 and overlaps[0, 2] < 1e-6 and overlaps[2, 2] == 1


def test_doubles_of_one_category_go():
    probabilities = torch.tensor([[0.5, 0.1], [0.6, 0.1], [0.3, 0.2]])
    assert select_detections(probabilities, BOXES, 0.1, 0.9).tolist() == [1, 2]
    assert select_detections(probabilities[:, [1, 0]], BOXES, 0.1, 0.9).tolist() == [1, 2]
    other = torch.tensor([[0.1, 0.5], [0.6, 0.1], [0.3, 0.2]])
    assert select_detections(other, BOXES, 0.1, 0.9).tolist() == [1, 0, 2]


def test_at_least_one():
    probabilities = torch.tensor([[0.01], [0.02], [0.015]])
    assert select_detections(probabilities, BOXES, 0.1, 0.9).tolist() == [1]
