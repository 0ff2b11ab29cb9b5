"""Run-length encoded masks against dense ones."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmtmt.evaluation.functional import rle
from mmtmt.structures.packed_tube import PackedTube

from .test_overlap import random_masks


def compressed(masks, null_when_empty=True):
    encoded = mask_api.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    return [
        None if null_when_empty and not mask.any() else item['counts']
        for mask, item in zip(masks, encoded)
    ]


@pytest.mark.parametrize('null_when_empty', [True, False])
@pytest.mark.parametrize('seed', range(20))
def test_areas(seed, null_when_empty):
    masks = random_masks(seed)
    frames = [
        counts and {'size': [9, 11], 'counts': counts}
        for counts in compressed(masks, null_when_empty)
    ]
    areas = rle.frame_areas(PackedTube.pack(frames, 9, 11))
    np.testing.assert_array_equal(areas, masks.sum((1, 2)))


def test_counts_of_many_strings_at_once():
    masks = np.concatenate([random_masks(seed) for seed in range(10)])
    counts, runs = rle.decode_counts(compressed(masks, null_when_empty=False))
    for mask, mine in zip(masks, np.split(counts, np.cumsum(runs)[:-1])):
        flat = np.concatenate([[0], mask.ravel('F'), [2]])
        expected = np.diff(np.flatnonzero(np.diff(flat) != 0), prepend=0)
        # An RLE starts with background, of length 0 if need be.
        np.testing.assert_array_equal(mine, expected if not mask[0, 0] else [0, *expected[1:]])
