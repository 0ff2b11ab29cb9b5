"""Focal losses and vocabularies."""
import pytest
import torch
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss

from mmtmt.models.losses import LabelSpace
from mmtmt.models.losses.focal_losses import class_focal_loss, focal_loss, mask_focal_loss

# categories 0 and 1 in the vocabulary; 1 and 2 may name the same thing
SPACE = LabelSpace(
    torch.tensor([[True, True, False, False]]),
    torch.tensor([[[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]]).bool())
LABELS = torch.tensor([[1, 4, 0]])  # 4 is no object


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 3, 4, generator=generator).requires_grad_()


def test_equals_mmdets(logits):
    targets = torch.nn.functional.one_hot(LABELS[0], 5)[:, :4].float()
    expected = py_sigmoid_focal_loss(logits[0], targets, reduction='none')
    torch.testing.assert_close(focal_loss(logits[0], targets), expected)
    # of two matched queries
    loss = class_focal_loss(logits, LABELS, SPACE, 'union')
    torch.testing.assert_close(loss, expected.sum() / 2)


@pytest.mark.parametrize('mode, counted', [
    ('union', [[1, 1, 1, 1]] * 3),
    ('masked', [[1, 1, 0, 0]] * 3),
    # matched: all but the rivals of the label; unmatched: the vocabulary
    ('marginal', [[1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 1, 1]])])
def test_which_categories_count(logits, mode, counted):
    class_focal_loss(logits, LABELS, SPACE, mode).backward()
    assert (logits.grad[0] != 0).int().tolist() == counted


def test_nothing_matched(logits):
    loss = class_focal_loss(logits, torch.full((1, 3), 4), SPACE, 'union')
    assert loss.isfinite() and loss > 0
    masks = torch.zeros(0, 4, 4, requires_grad=True)
    loss = mask_focal_loss(masks, torch.zeros(0, 4, 4))
    loss.backward()
    assert loss == 0 and masks.grad.shape == masks.shape
