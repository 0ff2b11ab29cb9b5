"""Overlap of tubes: intersections summed over the frames, by unions summed over the frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_api

from .tubes import Tube


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
    sides = [np.array([tube.areas for tube in side]) for side in (results, objects)]
    if shared.size == 0:
        return shared
    for t in np.flatnonzero((sides[0] > 0).any(axis=0) & (sides[1] > 0).any(axis=0)):
        here = [np.flatnonzero(areas[:, t]) for areas in sides]
        ratio = np.asarray(
            mask_api.iou(
                [results[d].masks.rle(t) for d in here[0]],
                [objects[g].masks.rle(t) for g in here[1]],
                [0] * len(here[1]),
            )
        )
        both = sides[0][here[0], t][:, None] + sides[1][here[1], t]
        # r = i / u and i + u = both, so i = r * both / (1 + r), an integer.
        shared[t][np.ix_(*here)] = np.rint(ratio * both / (1 + ratio))
    return shared


def tube_iou(results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """Spatio-temporal IoU.

    Args:
        results: D tubes of a video.
        objects: G tubes of the same video.

    Returns:
        (D, G) float64; 0 where both tubes are empty.
    """
    shared = frame_intersections(results, objects).sum(axis=0)
    totals = [np.array([tube.areas.sum() for tube in side], int) for side in (results, objects)]
    union = totals[0][:, None] + totals[1] - shared
    return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)
