"""Masks encoded in NumPy, against pycocotools."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmtmt.structures.run_encoding import encode_masks


@pytest.mark.parametrize('seed', range(40))
def test_equals_pycocotools(seed):
    rng = np.random.default_rng(seed)
    number, height, width = rng.integers(1, [9, 70, 70])
    if seed % 8 == 7:
        height, width = 1500, 801
    shares = rng.choice([0, 0.01, 0.5, 0.99, 1], (number, 1, 1))
    masks = rng.random((number, height, width)) < shares
    rows = np.repeat(rng.random((number, 1, width)) < 0.5, height, axis=1)
    masks = np.where(rng.random((number, 1, 1)) < 0.3, rows, masks)
    expected = [
        mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))['counts'] for mask in masks
    ]
    assert encode_masks(masks) == expected
    assert encode_masks(np.asfortranarray(masks)) == expected


def test_sides_of_one_pixel():
    for shape in ((3, 1, 1), (3, 1, 20), (3, 20, 1)):
        masks = np.random.default_rng(0).random(shape) < 0.5
        expected = [
            mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))['counts'] for mask in masks
        ]
        assert encode_masks(masks) == expected
