"""Label-space losses against direct sums over probabilities."""
import pytest
import torch

from mmtmt.models.losses.label_space import (
    LabelSpace,
    classification_loss,
    matching_probabilities,
    restrict_logits,
)

NO_OBJECT = 5


@pytest.fixture
def batch():
    torch.manual_seed(0)
    logits = torch.randn(2, 4, NO_OBJECT + 1)
    labels = torch.tensor([[0, NO_OBJECT, 2, NO_OBJECT], [3, NO_OBJECT, NO_OBJECT, 4]])
    vocabulary = torch.tensor([[True, True, True, False, False], [False, False, True, True, True]])
    compatible = torch.eye(5, dtype=torch.bool).repeat(2, 1, 1)
    compatible[0, 0, 3] = compatible[0, 3, 0] = True
    return logits, labels, LabelSpace(vocabulary, compatible)


def weighted_mean(losses, labels):
    weights = torch.where(labels == NO_OBJECT, 0.1, 1.0)
    return (weights * losses).sum() / weights.sum()


def test_union_is_plain_cross_entropy(batch):
    logits, labels, space = batch
    expected = weighted_mean(-logits.log_softmax(-1).gather(2, labels[..., None])[..., 0], labels)
    torch.testing.assert_close(
        classification_loss(logits, labels, 0.1, space, 'union'), expected)


def test_masked_leaves_out_what_the_sample_does_not_annotate(batch):
    logits, labels, space = batch
    losses = torch.zeros(2, 4)
    for clip in range(2):
        kept = space.vocabulary[clip].nonzero().squeeze(1).tolist() + [NO_OBJECT]
        for query in range(4):
            inside = logits[clip, query, kept].logsumexp(0)
            losses[clip, query] = inside - logits[clip, query, labels[clip, query]]
    found = classification_loss(logits, labels, 0.1, space, 'masked')
    torch.testing.assert_close(found, weighted_mean(losses, labels))


def test_marginal_sums_over_what_an_unmatched_query_may_be(batch):
    logits, labels, space = batch
    probability = logits.softmax(-1)
    losses = torch.zeros(2, 4)
    for clip in range(2):
        outside = (~space.vocabulary[clip]).nonzero().squeeze(1).tolist()
        for query in range(4):
            label = int(labels[clip, query])
            p = probability[clip, query]
            if label == NO_OBJECT:
                losses[clip, query] = -(p[NO_OBJECT] + p[outside].sum()).log()
            else:
                rivals = [k for k in space.compatible[clip, label].nonzero().squeeze(1).tolist()
                          if k != label]
                losses[clip, query] = -(p[label] / (1 - p[rivals].sum())).log()
    found = classification_loss(logits, labels, 0.1, space, 'marginal')
    torch.testing.assert_close(found, weighted_mean(losses, labels))


@pytest.mark.parametrize('mode', ['masked', 'marginal'])
def test_an_unannotated_category_is_not_pushed_down(batch, mode):
    logits, labels, space = batch
    logits.requires_grad_()
    labels[:] = NO_OBJECT
    classification_loss(logits, labels, 0.1, space, mode).backward()
    outside = ~space.vocabulary[:, None].expand(2, 4, 5)
    assert (logits.grad[..., :5][outside] <= 0).all()


def test_union_pushes_it_down(batch):
    logits, labels, space = batch
    logits.requires_grad_()
    labels[:] = NO_OBJECT
    classification_loss(logits, labels, 0.1, space, 'union').backward()
    assert (logits.grad[..., :5] > 0).all()


def test_losses_agree_when_every_category_is_annotated(batch):
    logits, labels, _ = batch
    space = LabelSpace(torch.ones(2, 5, dtype=torch.bool),
                       torch.eye(5, dtype=torch.bool).repeat(2, 1, 1))
    union, masked, marginal = (classification_loss(logits, labels, 0.1, space, mode)
                               for mode in ('union', 'masked', 'marginal'))
    torch.testing.assert_close(union, masked)
    torch.testing.assert_close(union, marginal)


def test_restricting_stays_finite_in_half_precision_and_keeps_no_object(batch):
    logits, _, space = batch
    restricted = restrict_logits(logits.half(), space.vocabulary)
    assert restricted.isfinite().all()
    assert torch.equal(restricted[..., NO_OBJECT], logits.half()[..., NO_OBJECT])
    probability = matching_probabilities(logits, space, 'masked')
    assert (probability[..., :5][~space.vocabulary[:, None].expand(2, 4, 5)] == 0).all()
