"""Overlap of tubes: intersections summed over the frames, by unions summed over the frames.

Nothing is decoded to pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmtmt.structures.packed_tube import PackedTube

from .profiles import make_profile, shared_pixels
from .tube_runs import decode_tubes
from .tubes import Tube


def measure(
    masks: Sequence[PackedTube],
    objects: Sequence[PackedTube] = (),
    partners: Sequence[Sequence[int]] | None = None,
    *,
    least_iou: float = 0.0,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Areas of tubes, and what they share with objects.

    Args:
        masks: N tubes, those of a video one after the other.
        objects: tubes to compare with; they are kept decoded.
        partners: per tube the positions of the objects to compare it with, of the same video; None
            for all.
        least_iou: leave out intersections that can't make an IoU as large as this.

    Returns:
        Per tube its areas in every frame (T,) int64, and its intersections with its partners in
        pixels, int64, 0 where they were left out.

    Raises:
        MaskError: if a mask is no RLE of its frame.
    """
    profiles = [make_profile(runs) for runs in decode_tubes(objects)]
    areas, shared = [], []
    for n, runs in enumerate(decode_tubes(masks)):
        others = profiles if partners is None else [profiles[g] for g in partners[n]]
        near = [g for g, other in enumerate(others) if other.largest_iou(runs) >= least_iou]
        pixels = np.zeros(len(others), np.int64)
        if near:
            pixels[near] = shared_pixels(runs, [others[g] for g in near]).sum(axis=1)
        areas.append(runs.areas)
        shared.append(pixels)
    return areas, shared


def frame_intersections(results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """Pixels that each result shares with each object, frame by frame.

    Args:
        results: D tubes of a video of T frames.
        objects: G tubes of the same video.

    Returns:
        (T, D, G) int64.
    """
    length = max((len(tube.masks) for tube in (*results, *objects)), default=0)
    shared = np.zeros((length, len(results), len(objects)), np.int64)
    profiles = [make_profile(runs) for runs in decode_tubes([tube.masks for tube in objects])]
    for d, runs in enumerate(decode_tubes([tube.masks for tube in results])):
        shared[:, d] = shared_pixels(runs, profiles).T
    return shared


def tube_iou(results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """Spatio-temporal IoU.

    Args:
        results: D tubes of a video.
        objects: G tubes of the same video.

    Returns:
        (D, G) float64; 0 where both tubes are empty.
    """
    _, shared = measure([tube.masks for tube in results], [tube.masks for tube in objects])
    return iou_of(np.reshape(shared, (len(results), len(objects))), results, objects)


def iou_of(shared: np.ndarray, results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """IoU from intersections.

    Args:
        shared: (D, G) pixels in common.
        results: D tubes.
        objects: G tubes.

    Returns:
        (D, G) float64; 0 where both tubes are empty.
    """
    totals = [np.array([tube.areas.sum() for tube in side], int) for side in (results, objects)]
    return _ratio(shared, totals[0][:, None] + totals[1] - shared)


def _ratio(shared: np.ndarray, union: np.ndarray) -> np.ndarray:
    return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)
