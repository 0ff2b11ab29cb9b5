"""Overlap of run-length encoded tubes against dense masks."""

import numpy as np
import pytest

from mmtmt.evaluation.functional import Tube, frame_intersections, profiles, tube_iou
from mmtmt.evaluation.functional.overlap import measure
from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.tubes import encode_tube


def random_masks(seed, frames=7, height=9, width=11):
    """Masks with full, empty and touching frames: every way in which runs can meet."""
    rng = np.random.default_rng(seed)
    masks = rng.random((frames, height, width)) < rng.choice([0.02, 0.5, 0.98], (frames, 1, 1))
    masks[rng.integers(frames)] = True
    masks[rng.integers(frames)] = False
    return masks


def tube_of(masks):
    packed = PackedTube.pack(encode_tube(masks), *masks.shape[1:])
    return Tube(0, 1, 1, packed, measure([packed])[0][0], 1.0)


@pytest.fixture(params=['tables', 'tables, frame by frame', 'steps', 'steps, frame by frame'])
def sides(request, monkeypatch):
    monkeypatch.setattr(profiles, 'MOST_LEVELS', 100 if 'tables' in request.param else -1)
    if 'frame by frame' in request.param:
        monkeypatch.setattr(profiles, 'LOOKUPS', 1)
    sides = [[random_masks(seed) for seed in seeds] for seeds in (range(6), range(6, 10))]
    for side in sides:
        side.append(np.zeros_like(side[0]))
    return sides


def with_empty_runs(masks, seed):
    """The same masks, as RLEs with runs of no pixels between others, and null where absent."""
    rng = np.random.default_rng(seed)
    segmentations = []
    for mask in masks:
        flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
        ends = np.flatnonzero(flat[1:] != flat[:-1])
        counts = np.diff(ends, prepend=0).tolist()
        for place in sorted(rng.integers(0, len(counts), 4), reverse=True):
            if counts[place] > 1:
                here = int(rng.integers(1, counts[place]))
                counts[place:place + 1] = [here, 0, counts[place] - here]
        segmentations.append({'size': list(mask.shape), 'counts': counts} if mask.any() else None)
    return PackedTube.pack(segmentations, *masks.shape[1:])


def test_runs_of_no_pixels_change_nothing(sides):
    expected = np.einsum('dthw,gthw->tdg', *(np.array(side, int) for side in sides))
    tubes = []
    for side in sides:
        packed = [with_empty_runs(masks, seed) for seed, masks in enumerate(side)]
        tubes.append([Tube(0, 1, 1, tube, measure([tube])[0][0], 1.0) for tube in packed])
        for tube, masks in zip(tubes[-1], side):
            np.testing.assert_array_equal(tube.areas, masks.sum(axis=(1, 2)))
    np.testing.assert_array_equal(frame_intersections(*tubes), expected)


def test_intersections_equal_dense_masks(sides):
    expected = np.einsum('dthw,gthw->tdg', *(np.array(side, int) for side in sides))
    tubes = [[tube_of(masks) for masks in side] for side in sides]
    np.testing.assert_array_equal(frame_intersections(*tubes), expected)


def test_iou_equals_dense_masks(sides):
    expected = [
        [(a & b).sum() / (a | b).sum() if (a | b).any() else 0 for b in sides[1]] for a in sides[0]
    ]
    tubes = [[tube_of(masks) for masks in side] for side in sides]
    np.testing.assert_array_equal(tube_iou(*tubes), expected)


def test_no_tubes(sides):
    tube = tube_of(sides[0][0])
    assert tube_iou([], [tube]).shape == (0, 1)
    assert tube_iou([tube], []).shape == (1, 0)
    assert frame_intersections([tube], []).shape == (7, 1, 0)
