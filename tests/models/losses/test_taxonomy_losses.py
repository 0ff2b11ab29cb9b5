"""Supervision of the taxonomy scores, against sums over single categories."""
import math

import pytest
import torch
from torch import Tensor

from mmtmt.models.losses.taxonomy_losses import score_loss, taxonomy_recall

VOCABULARY = torch.tensor([[True, True, False, True], [True, False, True, True]])


def cross_entropy(logit: Tensor, present: bool) -> float:
    probability = 1 / (1 + math.exp(-logit))
    return -math.log(probability if present else 1 - probability)


def by_hand(logits, labels):
    """Per sample the sum over its vocabulary by its positives, then the mean (SPEC 1.5.3)."""
    samples = []
    for row, own, covered in zip(logits.tolist(), labels, VOCABULARY.tolist()):
        present = set(own.tolist())
        total = sum(cross_entropy(logit, category in present)
                    for category, logit in enumerate(row) if covered[category])
        samples.append(total / max(1, len(present)))
    return sum(samples) / len(samples)


@pytest.mark.parametrize('labels', [
    ([0, 3, 0], [2]),  # a category counts once, however many instances it has
    ([0, 1, 3], []),
    ([], []),
])
def test_score_loss_by_hand(labels):
    torch.manual_seed(0)
    logits = torch.randn(2, 4)
    labels = [torch.tensor(own, dtype=torch.int64) for own in labels]
    loss = score_loss(logits, labels, VOCABULARY)
    assert loss.item() == pytest.approx(by_hand(logits, labels), rel=1e-5)


def test_categories_outside_the_vocabulary_have_no_gradient():
    logits = torch.zeros(2, 4, requires_grad=True)
    score_loss(logits, [torch.tensor([0]), torch.tensor([2])], VOCABULARY).backward()
    assert torch.equal(logits.grad != 0, VOCABULARY)


@pytest.mark.parametrize('labels, expected', [
    (([0, 1], [3]), (1 / 2 + 1) / 2),
    (([0, 0, 0, 1, 5], [3, 4]), (1 / 3 + 1 / 2) / 2),  # three categories, not five instances
    (([1, 2], []), 0),  # a sample without objects has no share
    (([], []), 1),
])
def test_recall_is_the_share_of_the_categories_that_are_there(labels, expected):
    selected = torch.tensor([[0, 7, 1], [3, 6, 4]])
    # what stands where nothing was selected doesn't count
    padding = torch.tensor([[False, False, True], [False, False, True]])
    labels = [torch.tensor(own, dtype=torch.int64) for own in labels]
    assert taxonomy_recall(selected, padding, labels).item() == pytest.approx(expected)
