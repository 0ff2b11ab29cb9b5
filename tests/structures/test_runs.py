"""Many masks decoded at once, against pycocotools and dense masks."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmtmt.structures.rle import compress
from mmtmt.structures.runs import RunLengthError, decode_runs


def random_mask(rng):
    height, width = rng.integers(1, 60, 2)
    return rng.random((height, width)) < rng.choice([0, 0.01, 0.1, 0.5, 0.9, 1])


def decode(masks):
    strings = [
        mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))['counts'] for mask in masks
    ]
    return decode_runs(strings, np.array([mask.size for mask in masks]))


@pytest.mark.parametrize('number', [1, 2, 40])
@pytest.mark.parametrize('seed', range(15))
def test_equals_dense_masks(seed, number):
    rng = np.random.default_rng(seed)
    masks = [random_mask(rng) for _ in range(number)]
    runs = decode(masks)
    ends = runs.ends(slice(None))
    for n, mask in enumerate(masks):
        flat = mask.ravel('F').astype(int)
        steps = np.diff(flat, prepend=0, append=0)
        dense = np.zeros_like(steps)
        np.add.at(dense, ends[n], -runs.signs[n])
        np.testing.assert_array_equal(dense, steps)
        assert runs.areas[n] == flat.sum()
        if mask.any():
            inside = np.flatnonzero(flat)
            assert (runs.first[n], runs.last[n]) == (inside[0], inside[-1] + 1)


def test_differences_that_take_several_characters():
    """Differences between runs are stored, so large and negative numbers occur."""
    runs = [100_000, 3, 70_000, 1, 229_999, 7, 599_990]
    counts = compress({'size': [1000, 1000], 'counts': runs}, 1000, 1000)
    decoded = decode_runs([b'0', counts], np.array([0, 10**6]))
    row = decoded.signs[1] != 0
    np.testing.assert_array_equal(decoded.ends([1])[0][row], np.cumsum(runs)[:-1])
    assert decoded.areas.tolist() == [0, 11]


def test_runs_of_no_pixels():
    runs = [0, 2, 0, 3, 4, 0, 0, 0, 1]
    counts = compress({'size': [5, 2], 'counts': runs}, 5, 2)
    decoded = decode_runs([counts], np.array([10]))
    assert decoded.areas[0] == 5 and (decoded.first[0], decoded.last[0]) == (0, 9)


@pytest.mark.parametrize(
    ('counts', 'message'),
    [
        (b'', 'characters of a compressed RLE, got'),
        (b'4!', 'characters of a compressed RLE, got'),
        (b'4\x80', 'characters of a compressed RLE, got'),
        (b'4P', 'cut short'),
        (b'0' * 100, '100 characters for 12 pixels'),
        (b'PPPPPPPPPP0', 'more than 32 bits'),
        (b'4', 'covers 12 pixels, got runs that cover 4 '),
        (b'84O', r'covers 12 pixels, got runs that cover 11 \(shortest -1\)'),
        (b'ooooooO4', 'covers 12 pixels'),
        (b'ooooooOoooooo1=', 'covers 12 pixels'),
    ],
)
@pytest.mark.parametrize('row', [0, 1])
def test_bad_strings_are_named(counts, message, row):
    good = compress({'size': [3, 4], 'counts': [3, 4, 5]}, 3, 4)
    strings = [counts, good] if row == 0 else [good, counts]
    for side in (strings, [string.decode('latin-1') for string in strings]):
        with pytest.raises(RunLengthError, match=message) as error:
            decode_runs(side, np.array([12, 12]))
        assert error.value.row == row


def test_any_bytes_are_refused_or_decoded_as_pycocotools_does():
    rng = np.random.default_rng(0)
    decoded = 0
    for _ in range(3000):
        letters = rng.integers(48, 112 if rng.random() < 0.3 else 56, rng.integers(1, 6))
        counts = bytes(letters.astype(np.uint8))
        pixels = int(rng.integers(1, 30))
        try:
            runs = decode_runs([counts], np.array([pixels]))
        except RunLengthError:
            continue
        decoded += 1
        rle = {'size': [pixels, 1], 'counts': counts}
        dense = mask_api.decode(rle).ravel().astype(int)
        assert runs.areas[0] == dense.sum() == mask_api.area(rle)
    assert decoded > 50
