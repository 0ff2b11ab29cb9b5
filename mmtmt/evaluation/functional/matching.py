"""Assignment of results to ground truth within one video and category, the official way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .inputs import Tube
from .rle import tube_iou


@dataclass(frozen=True)
class Matches:
    """Outcome for the best results of one video and category; A area ranges, I IoU thresholds, D
    results in falling order of score.

    Attributes:
        scores: (D,) scores.
        matched: (A, I, D) True where a result was given an object.
        ignored: (A, I, D) True where a result counts neither as right nor as wrong.
        num_objects: (A,) objects that count.
    """

    scores: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    num_objects: np.ndarray


def match(
    objects: list[Tube],
    results: list[Tube],
    thresholds: np.ndarray,
    area_ranges: np.ndarray,
    max_results: int,
) -> Matches:
    """Goes through the results from the highest score down and gives each the free object of
    highest IoU.

    Objects outside an area range and crowd objects are taken only when no other one reaches the
    threshold, and a crowd object may be taken many times. Of objects at the same IoU the last is
    taken. Results without an object don't count when their area is outside the range.

    Args:
        objects: G ground-truth tubes of one video and category.
        results: results of the same; ties in score keep their order.
        thresholds: (I,) IoU thresholds.
        area_ranges: (A, 2) smallest and largest mean area in pixels, both included.
        max_results: how many results to keep, D at most.

    Returns:
        Which results were given an object, and which don't count.
    """
    order = np.argsort([-result.score for result in results], kind='stable')[:max_results]
    results = [results[i] for i in order]
    iou = tube_iou([result.rles for result in results], [item.rles for item in objects])

    crowd = np.array([item.ignore for item in objects], bool)
    ignore = crowd | _outside([item.area for item in objects], area_ranges)
    limits = np.minimum(thresholds, 1 - 1e-10)

    shape = (len(area_ranges), len(thresholds), len(results))
    matched, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    free = np.ones((*shape[:2], len(objects)), bool)
    candidates = np.flatnonzero(iou.max(axis=1, initial=0) >= limits[0]) if len(objects) else []
    for d in candidates:
        allowed = (iou[d] >= limits[:, None]) & (free | crowd)
        counted = allowed & ~ignore[:, None]
        # Ordinary objects come first; the ignored ones are looked at only where there is none.
        choices = np.where(counted.any(axis=-1, keepdims=True), counted, allowed)
        last_best = len(objects) - 1 - np.argmax(np.where(choices, iou[d], -1)[..., ::-1], axis=-1)
        found = choices.any(axis=-1)
        matched[..., d] = found
        ignored[..., d] = found & np.take_along_axis(ignore, last_best, axis=1)
        area_index, threshold_index = np.nonzero(found)
        free[area_index, threshold_index, last_best[found]] = False

    outside = _outside([result.area for result in results], area_ranges)
    ignored |= ~matched & outside[:, None]
    return Matches(
        np.array([result.score for result in results]), matched, ignored, (~ignore).sum(axis=1)
    )


def _outside(areas: list[float], ranges: np.ndarray) -> np.ndarray:
    """(A, N): whether each of the areas lies outside each of the ranges."""
    values = np.asarray(areas, float)[None]
    return (values < ranges[:, :1]) | (values > ranges[:, 1:])
