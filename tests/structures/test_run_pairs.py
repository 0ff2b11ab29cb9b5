"""Masks of whole videos decoded at once, against the rows of `runs`."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmtmt.structures.rle import compress
from mmtmt.structures.run_pairs import decode_pairs
from mmtmt.structures.runs import RunLengthError, decode_runs


def encode(masks):
    return [mask_api.encode(np.asfortranarray(m.astype(np.uint8)))['counts'] for m in masks]


def decode(strings, pixels, begin=None):
    return decode_pairs(b''.join(strings), np.array([len(s) for s in strings]), np.array(pixels),
                        np.zeros(len(strings), np.int64) if begin is None else np.array(begin))


def check(strings, pixels, begin=None):
    pairs, runs = decode(strings, pixels, begin), decode_runs(strings, np.array(pixels))
    begin = np.zeros(len(strings), int) if begin is None else np.array(begin)
    np.testing.assert_array_equal(pairs.areas, runs.areas)
    seen = runs.areas > 0
    for name in ('first', 'last'):
        np.testing.assert_array_equal(
            getattr(pairs, name)[seen], (getattr(runs, name) + begin)[seen])
    for n, bounds in enumerate(zip(pairs.bounds, pairs.bounds[1:])):
        here = slice(*bounds)
        lengths = runs.lengths[n, : len(strings[n])][np.frombuffer(strings[n], np.uint8) < 80]
        lengths = np.append(lengths, [0] * (len(lengths) % 2))
        np.testing.assert_array_equal(pairs.foreground[here], lengths[1::2])
        np.testing.assert_array_equal(
            pairs.stop[here], begin[n] + np.cumsum(lengths, dtype=np.int64)[1::2])


@pytest.mark.parametrize('seed', range(30))
def test_equals_rows(seed):
    rng = np.random.default_rng(seed)
    masks = [rng.random(rng.integers(1, 60, 2)) < rng.choice([0, 0.01, 0.5, 0.99, 1])
             for _ in range(rng.integers(1, 30))]
    pixels = [mask.size for mask in masks]
    check(encode(masks), pixels)
    frames = rng.integers(0, 4, len(masks)).cumsum()
    check(encode(masks), pixels, begin=frames * max(pixels))
    check(encode(masks), pixels, begin=frames * 2**30)


def test_numbers_of_many_characters():
    runs = [100_000, 3, 70_000, 1, 229_999, 7, 599_990]
    large = compress({'size': [1000, 1000], 'counts': runs}, 1000, 1000)
    whole = compress({'size': [2**13, 2**13], 'counts': [0, 2**26]}, 2**13, 2**13)
    check([b'0', large, whole, large, whole], [0, 10**6, 2**26, 10**6, 2**26])


@pytest.mark.parametrize(
    ('counts', 'message'),
    [
        (b'', 'characters of a compressed RLE, got'),
        (b'4!', 'characters of a compressed RLE, got'),
        (b'4\x80', 'characters of a compressed RLE, got'),
        (b'4P', 'cut short'),
        (b'PPPPPPPPPP0', 'more than 32 bits'),
        (b'4', 'covers 12 pixels, got runs that cover 4 '),
        (b'84O', r'covers 12 pixels, got runs that cover 11 \(shortest -1\)'),
        (b'ooooooO4', 'covers 12 pixels'),
        (b'ooooooOoooooo1=', 'covers 12 pixels'),
        (b'oooooO0', 'covers 12 pixels'),
    ],
)
@pytest.mark.parametrize('row', [0, 1, 2])
def test_bad_strings_are_named(counts, message, row):
    strings = [compress({'size': [3, 4], 'counts': [3, 4, 5]}, 3, 4)] * 2
    strings.insert(row, counts)
    with pytest.raises(RunLengthError, match=message) as error:
        decode(strings, [12] * 3)
    assert error.value.row == row
