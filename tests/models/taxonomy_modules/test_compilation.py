"""TaxonomyCompilation: what it selects, and that it tells categories apart from the start."""
import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import mmtmt.models  # noqa: F401
from mmtmt.models.outputs import CategoryContext
from mmtmt.models.taxonomy_modules import TaxonomyCompilation
from mmtmt.taxonomy import Taxonomy, TextBank

VIS_SETS = ['ytvis19', 'ovis', 'uvo']
SHARED = Path(os.environ.get('MMTMT_SHARED', Path(__file__).parents[4] / 'shared'))


def clip_features(batch=2, frames=3, channels=64):
    torch.manual_seed(1)
    shapes = ((4, 6), (8, 12), (16, 24))
    levels = [torch.randn(batch, frames, channels, *shape) for shape in shapes]
    return levels, torch.randn(batch, frames, channels, 32, 48)


def compilation(text_dims=20, **kwargs):
    torch.manual_seed(0)
    return TaxonomyCompilation(
        text_dims=text_dims, embed_dims=64, feedforward_dims=96, **kwargs).eval()


def context(num_categories=15, text_dims=20, batch=2):
    torch.manual_seed(2)
    return CategoryContext(torch.ones(batch, num_categories, dtype=torch.bool),
                           torch.randn(num_categories, text_dims))


def mean_cosine(rows):
    """Mean cosine between different rows of (K, C)."""
    rows = F.normalize(rows, dim=1)
    count = len(rows)
    return float((rows @ rows.t()).fill_diagonal_(0).sum() / (count * (count - 1)))


@pytest.mark.parametrize('batch, frames', [(1, 1), (2, 3), (3, 5)])
def test_selects_the_highest_scores(batch, frames):
    compiled = compilation(num_selected=6)(*clip_features(batch, frames), context(batch=batch))
    assert compiled.embeddings.shape == (batch, 6, 64)
    best = compiled.score_logits.argsort(dim=1, descending=True)[:, :6]
    assert torch.equal(compiled.indices, best)
    for clip in range(batch):
        assert torch.equal(compiled.embeddings[clip], compiled.refined[clip][best[clip]])
    assert not compiled.padding.any()


def test_permuting_categories_permutes_scores_and_keeps_the_selection():
    module, space = compilation(num_selected=5), context()
    order = torch.randperm(15)
    permuted = CategoryContext(space.candidates[:, order], space.text[order])
    plain, other = module(*clip_features(), space), module(*clip_features(), permuted)
    torch.testing.assert_close(other.score_logits, plain.score_logits[:, order])
    assert torch.equal(order[other.indices], plain.indices)
    torch.testing.assert_close(other.embeddings, plain.embeddings)


def test_never_selects_outside_the_candidates_and_marks_missing_places():
    module, space = compilation(num_selected=5), context()
    space.candidates[0] = False
    space.candidates[0, [3, 8]] = True
    compiled = module(*clip_features(), space)
    assert set(compiled.indices[0, :2].tolist()) == {3, 8}
    assert compiled.padding.tolist() == [[False, False, True, True, True], [False] * 5]


def test_selection_is_clamped_to_the_vocabulary():
    compiled = compilation(num_selected=100)(*clip_features(), context())
    assert sorted(compiled.indices[0].tolist()) == list(range(15))


def test_a_sample_without_candidates_is_refused():
    space = context()
    space.candidates[1] = False
    with pytest.raises(ValueError, match='no candidate'):
        compilation()(*clip_features(), space)


def test_background_competes_for_a_place_and_has_no_score():
    module, space = compilation(num_selected=100, with_background=True), context()
    compiled = module(*clip_features(), space)
    assert sorted(compiled.indices[0].tolist()) == list(range(16))
    assert compiled.score_logits.shape == (2, 15) and compiled.refined.shape == (2, 15, 64)
    compiled.embeddings.square().sum().backward()
    assert module.background.grad.abs().sum() > 0
    # one category and one place: the better one has it
    space.candidates[:] = False
    space.candidates[:, 4] = True
    module.num_selected = 1
    assert set(module(*clip_features(), space).indices.flatten().tolist()) <= {4, 15}


def test_batched_equals_single():
    module, space, (levels, masks) = compilation(), context(), clip_features()
    both = module(levels, masks, space)
    for clip in range(2):
        single = module([level[clip:clip + 1] for level in levels], masks[clip:clip + 1],
                        CategoryContext(space.candidates[clip:clip + 1], space.text))
        torch.testing.assert_close(single.score_logits[0], both.score_logits[clip])


@pytest.mark.parametrize('levels', [(0, ), (0, 1, 2), 'mask'])
def test_every_feature_level_shapes_the_scores(levels):
    module, space = compilation(feature_levels=levels), context()
    multi_scale, masks = clip_features()
    before = module(multi_scale, masks, space).score_logits
    changed = masks if levels == 'mask' else multi_scale[levels[-1]]
    changed += 1.0
    assert not torch.allclose(before, module(multi_scale, masks, space).score_logits)


def test_gate_scales_the_embeddings_by_their_scores():
    gated = compilation(score_supervision='gate')(*clip_features(), context())
    plain = compilation(score_supervision='bce')(*clip_features(), context())
    score = plain.score_logits.gather(1, plain.indices).sigmoid()
    torch.testing.assert_close(gated.embeddings, plain.embeddings * score[..., None])


def test_unsupervised_score_has_no_parameters():
    names = {name for name, _ in compilation(score_supervision='none').named_parameters()}
    assert not any(name.startswith('score') for name in names)


@pytest.mark.parametrize('arguments, message', [
    (dict(score_supervision='mse'), 'score_supervision'),
    (dict(num_selected=0), 'num_selected'),
    (dict(feature_levels=(3, )), 'feature_levels'),
])
def test_bad_options_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        compilation(**arguments)


def refined_cosine(bank, **whitening):
    rows = torch.as_tensor(bank.whiten(bank.lookup(Taxonomy(VIS_SETS)), **whitening))
    torch.manual_seed(0)
    module = TaxonomyCompilation(text_dims=rows.shape[1]).eval()
    space = CategoryContext(torch.ones(1, len(rows), dtype=torch.bool), rows)
    compiled = module(*clip_features(1, 2, 256), space)
    return mean_cosine(compiled.refined[0])


def test_fresh_embeddings_of_categories_differ():
    assert refined_cosine(TextBank.load('minilm')) < 0.8


@pytest.mark.realdata
@pytest.mark.parametrize('name', ['clip_rn50_bank.npz', 'clip_vitb32_bank.npz'])
def test_fresh_embeddings_of_clip_categories_differ_thanks_to_whitening(name):
    path = SHARED / 'clip' / name
    if not path.exists():
        pytest.skip(f'{path} is not there')
    bank = TextBank.load(path)
    assert refined_cosine(bank) < 0.8
    assert refined_cosine(bank, center=False, normalize=False, scale=False) > 0.99
