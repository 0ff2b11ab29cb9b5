"""What tests of whole models do with them."""
import pytest
import torch
from numpy import count_nonzero

from mmtmt.structures.tubes import decode_tube

CONTENTS = [('synth_ytvis', (1, 2)), ('synth_ovis', (3, ))]
KINDS = [dict(type='VITA'), dict(type='GenVIS'), dict(type='GenVIS', frames_per_clip=3)]
kinds = pytest.mark.parametrize('kind', KINDS, ids=['VITA', 'GenVIS-1', 'GenVIS-3'])


def predict(model, video):
    """The prediction of one video, a pair of frames and sample."""
    source, sample = video
    return model.predict([source], [sample])[0]


def same(first, second):
    """Assert that two predictions are equal but for rounding of their scores."""
    torch.testing.assert_close(first.scores, second.scores)
    assert torch.equal(first.labels, second.labels)
    assert first.tubes == second.tubes


def identical(first, second):
    """Assert that two predictions are equal to the bit."""
    assert torch.equal(first.scores, second.scores)
    same(first, second)


def nearly_same(first, second):
    """Assert that two predictions are equal but for pixels on the border of a mask.

    A pixel whose logit is nearly 0 may fall on either side when frames are computed with others.
    """
    torch.testing.assert_close(first.scores, second.scores)
    assert torch.equal(first.labels, second.labels)
    assert list(map(len, first.tubes)) == list(map(len, second.tubes))
    wrong = sum(
        count_nonzero(decode_tube(ours, 60, 90) != decode_tube(theirs, 60, 90))
        for ours, theirs in zip(first.tubes, second.tubes))
    assert wrong <= 1e-5 * 60 * 90 * sum(map(len, first.tubes))


def with_permuted_rows(build, rows_end):
    """Two models of one weights, whose union lists its vocabularies forward and backward.

    Args:
        build: Builds a model with `taxonomy`.
        rows_end: Name of the tensors with a row per category -> rows beyond those.
    """
    names = ['synth_ytvis', 'synth_ovis', 'synth_uvo']
    first, second = (build(taxonomy=dict(vocabularies=order)) for order in (names, names[::-1]))
    rows = [first.taxonomy.keys.index(key) for key in second.taxonomy.keys]
    weights = first.state_dict()
    for name, value in weights.items():
        for part, beyond in rows_end.items():
            if part in name:
                weights[name] = value[[*rows, *range(len(rows), len(rows) + beyond)]]
    second.load_state_dict(weights)
    return first, second


def losses_of(model, batch, seed=5):
    """Losses of a batch, with random points of a seed."""
    torch.manual_seed(seed)
    return model.train()(**batch, mode='loss')
