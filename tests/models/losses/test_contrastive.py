"""The contrastive losses against what their equations say."""
import pytest
import torch

from mmtmt.models.losses.contrastive import contrastive_losses
from mmtmt.models.task_modules import contrast_selector
from mmtmt.models.task_modules.contrast_selector import ContrastChoice, draw_negatives


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    keys = torch.randn(2, 8, generator=generator, requires_grad=True)
    references = torch.randn(30, 8, generator=generator, requires_grad=True)
    positive = torch.zeros(2, 30, dtype=torch.bool)
    positive[0, :2] = positive[1, 5] = True
    negative = torch.ones(2, 30, dtype=torch.bool)
    negative[0, :4] = negative[1, 4:8] = False
    return keys, references, choose(positive, negative)


def choose(positive, negative):
    return ContrastChoice(positive, negative, draw_negatives(positive, negative))


def test_equals_the_sum_over_all_pairs(pair, monkeypatch):
    monkeypatch.setattr(contrast_selector, 'sample_negatives',
                        lambda population, k: torch.arange(k))
    keys, references, choice = pair
    choice = choose(*choice[:2])
    loss, auxiliary = contrastive_losses([keys], [references], [choice])
    expected, expected_auxiliary = [], []
    for key, positive, negative in zip(keys, *choice[:2]):
        products = references @ key
        pairs = [torch.exp(n - p) for n in products[negative] for p in products[positive]]
        expected.append(torch.log(1 + sum(pairs)))
        cosine = torch.cosine_similarity(references, key[None])
        drawn = cosine[negative][:10 * int(positive.sum())]
        errors = torch.cat(((1 - cosine[positive])**2, drawn**2))
        expected_auxiliary.append(errors.mean())
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    torch.testing.assert_close(auxiliary, torch.stack(expected_auxiliary).mean())


def test_clips_count_by_their_objects(pair):
    keys, references, choice = pair
    once, _ = contrastive_losses([keys], [references], [choice])
    apart, _ = contrastive_losses(
        [keys[:1], keys[1:]], [references, references],
        [ContrastChoice(*(part[:1] for part in choice)),
         ContrastChoice(*(part[1:] for part in choice))])
    torch.testing.assert_close(apart, once)


@pytest.mark.parametrize('empty', ['positive', 'negative', 'objects'])
def test_stays_finite_when_there_is_nothing_to_contrast(pair, empty):
    keys, references, choice = pair
    if empty == 'objects':
        keys, choice = keys[:0], ContrastChoice(*(part[:0] for part in choice))
    else:
        choice = choice._replace(**{empty: torch.zeros_like(choice.positive)})
        choice = choose(choice.positive, choice.negative)
    loss, auxiliary = contrastive_losses([keys], [references], [choice])
    assert loss == 0 and auxiliary.isfinite()
    (loss + auxiliary).backward()
    assert references.grad.isfinite().all()


def test_negatives_are_drawn_once_each():
    drawn = contrast_selector.sample_negatives(20, 15)
    assert len(drawn.unique()) == 15 and drawn.max() < 20
