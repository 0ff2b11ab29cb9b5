import numpy as np
import pytest
import torch
from pycocotools import mask as mask_api

from mmtmt.structures.rle import compress, decode_mask
from mmtmt.structures.tubes import decode_tube, encode_tube, tube_from_json, tube_to_json


def random_masks(seed, frames=5, height=37, width=53):
    masks = np.random.default_rng(seed).random((frames, height, width)) > 0.6
    masks[1] = False
    masks[2] = True
    return masks


def test_known_encoding():
    """Counts 3, 2, 4 over a frame of 3 x 3 are the characters 3, 2, 4 (4 + 48, ...)."""
    mask = np.zeros((1, 3, 3), dtype=bool)
    mask[0, :2, 1] = True
    assert encode_tube(mask) == [{'size': [3, 3], 'counts': b'324'}]


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_round_trip(kind):
    masks = random_masks(0)
    tube = encode_tube(torch.from_numpy(masks) if kind == 'torch' else masks)
    assert tube[1] is None and len(tube) == 5
    np.testing.assert_array_equal(decode_tube(tube, 37, 53), masks)
    again = tube_from_json(tube_to_json(tube), 37, 53)
    assert again == tube


def test_encode_refuses_other_arrays():
    with pytest.raises(ValueError, match=r'\(T, H, W\) of bool, got \(2, 3\) of float64'):
        encode_tube(np.zeros((2, 3)))


@pytest.mark.parametrize('seed', range(5))
def test_decoded_mask_is_the_encoded_one(seed):
    mask = random_masks(seed)[0]
    rle = mask_api.encode(np.asfortranarray(mask.view(np.uint8)))
    np.testing.assert_array_equal(decode_mask(rle['counts'], 37, 53), mask)


def test_forms_of_a_mask_agree():
    mask = np.zeros((20, 30), dtype=bool)
    mask[5:15, 10:20] = True
    flat = np.diff(np.flatnonzero(np.diff(mask.ravel(order='F'), prepend=False)), prepend=0)
    uncompressed = {'size': [20, 30], 'counts': [*flat.tolist(), 600 - int(flat.sum())]}
    polygon = [[10, 5, 20, 5, 20, 15, 10, 15], [1, 1, 2, 2]]
    assert (
        compress(uncompressed, 20, 30)
        == compress(polygon, 20, 30)
        == (encode_tube(mask[None])[0]['counts'])
    )
    assert compress(None, 20, 30) is None
    assert compress([], 20, 30) is None
    assert compress([[1, 1, 2, 2]], 20, 30) is None


@pytest.mark.parametrize(
    'segmentation, message',
    [
        ({'size': [10**9, 10**9], 'counts': [10**18]}, r'size \[20, 30\], got size \[1000000000'),
        ({'size': [30, 20], 'counts': '0'}, r'size \[20, 30\]'),
        ({'size': None, 'counts': '0'}, 'got size None'),
        ({'size': [20, 30], 'counts': [100]}, 'cover 20 x 30 = 600 pixels'),
        ({'size': [20, 30], 'counts': [-100, 700]}, 'cover 20 x 30'),
        ({'size': [20, 30], 'counts': [600.0]}, 'cover 20 x 30'),
        ({'size': [20, 30], 'counts': ''}, 'as a string or a list'),
        ({'size': [20, 30], 'counts': 'ä'}, 'ASCII'),
        ({'size': [20, 30], 'counts': 5}, 'as a string or a list'),
        ({'size': [20, 30]}, 'polygons or null'),
        ('abc', 'polygons or null'),
        ([['a', 'b', 'c', 'd', 'e', 'f']], 'list of numbers'),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], 'coordinates within'),
        ([[0, 0, float('nan'), 0, 3, 3]], 'coordinates within'),
    ],
)
def test_malformed_masks_are_refused(segmentation, message):
    with pytest.raises(ValueError, match=message):
        compress(segmentation, 20, 30)


@pytest.mark.parametrize(
    'counts, message',
    [
        (b'\x20', 'characters of a compressed RLE'),
        (b'', 'characters of a compressed RLE'),
        (b'R', 'cut short'),
        (b'ooooooooo0', 'more than 32 bits'),
        (b'9', 'covers 600 pixels, got runs that cover 9'),
        (b'PPPPP1', 'got runs that cover 33554432'),
    ],
)
def test_no_bomb_is_decoded(counts, message):
    with pytest.raises(ValueError, match=message):
        decode_mask(counts, 20, 30)


def test_errors_name_the_frame():
    tube = encode_tube(random_masks(1))
    with pytest.raises(ValueError, match='frame 0 of the tube: expected an RLE of size'):
        decode_tube(tube, 53, 37)
    with pytest.raises(ValueError, match='frame 1 of the tube'):
        tube_from_json([None, 'x'], 37, 53)
