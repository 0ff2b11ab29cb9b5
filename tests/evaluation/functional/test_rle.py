"""Run-length encoded tubes against dense masks."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmtmt.evaluation.functional import rle


def random_masks(seed, frames=7, height=9, width=11):
    """Masks with full, empty and touching frames: every way in which runs can meet."""
    rng = np.random.default_rng(seed)
    masks = rng.random((frames, height, width)) < rng.choice([0.02, 0.5, 0.98], (frames, 1, 1))
    masks[rng.integers(frames)] = True
    masks[rng.integers(frames)] = False
    return masks


def compressed(masks, null_when_empty=True):
    encoded = mask_api.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    return [
        None if null_when_empty and not mask.any() else item['counts']
        for mask, item in zip(masks, encoded)
    ]


@pytest.mark.parametrize('null_when_empty', [True, False])
@pytest.mark.parametrize('seed', range(20))
def test_tube_holds_the_frames_side_by_side(seed, null_when_empty):
    masks = random_masks(seed)
    (tube,), areas = rle.encode_tube(compressed(masks, null_when_empty), 9, 11)
    np.testing.assert_array_equal(mask_api.decode(tube), np.concatenate(masks, axis=1))
    np.testing.assert_array_equal(areas, masks.sum((1, 2)))


def test_counts_of_many_strings_at_once():
    masks = np.concatenate([random_masks(seed) for seed in range(10)])
    counts, runs = rle.decode_counts(compressed(masks, null_when_empty=False))
    for mask, mine in zip(masks, np.split(counts, np.cumsum(runs)[:-1])):
        flat = np.concatenate([[0], mask.ravel('F'), [2]])
        expected = np.diff(np.flatnonzero(np.diff(flat) != 0), prepend=0)
        # An RLE starts with background, of length 0 if need be.
        np.testing.assert_array_equal(mine, expected if not mask[0, 0] else [0, *expected[1:]])


@pytest.mark.parametrize('max_pixels', [2**32 - 1, 3 * 99, 99])
def test_iou_equals_dense_masks(monkeypatch, max_pixels):
    monkeypatch.setattr(rle, 'MAX_PIXELS', max_pixels)
    sides = [[random_masks(seed) for seed in seeds] for seeds in (range(6), range(6, 10))]
    sides[0].append(np.zeros_like(sides[0][0]))
    sides[1].append(np.zeros_like(sides[0][0]))
    tubes = [[rle.encode_tube(compressed(masks), 9, 11)[0] for masks in side] for side in sides]
    expected = [
        [(a & b).sum() / (a | b).sum() if (a | b).any() else 0 for b in sides[1]] for a in sides[0]
    ]
    np.testing.assert_array_equal(rle.tube_iou(*tubes), expected)


def test_no_tubes():
    tube, _ = rle.encode_tube([None], 4, 4)
    assert rle.tube_iou([], [tube]).shape == (0, 1)
    assert rle.tube_iou([tube], []).shape == (1, 0)
