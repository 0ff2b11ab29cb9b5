"""Which categories are taken for which."""

from __future__ import annotations

import numpy as np

from .video_overlap import VideoOverlap


def count_confusions(
    overlap: VideoOverlap, num_categories: int, threshold: float, min_score: float
) -> np.ndarray:
    """Pairs the confident results with the objects, whatever their categories.

    From the highest score down, each result takes the free object of highest IoU; of several, one
    of its own category. Results whose only object is a crowd don't count.

    Args:
        overlap: A video.
        num_categories: K.
        threshold: Least IoU of a pair.
        min_score: Least score.

    Returns:
        (K + 1, K + 1) int64: rows are the categories of the objects, columns those of the results;
        the last row has results without an object, the last column objects without a result.
    """
    none = num_categories
    counts = np.zeros((none + 1, none + 1), np.int64)
    free = ~overlap.crowd
    for d in np.argsort(-overlap.scores, kind='stable'):
        if overlap.scores[d] < min_score:
            break
        column = overlap.result_category[d]
        iou = np.where(overlap.iou[d] >= threshold, overlap.iou[d], 0)
        candidates = np.flatnonzero(free & (iou > 0))
        if len(candidates):
            own = overlap.object_category[candidates] == overlap.result_category[d]
            best = candidates[np.lexsort((own, iou[candidates]))[-1]]
            free[best] = False
            counts[overlap.object_category[best], column] += 1
        elif not (overlap.crowd & (iou > 0)).any():
            counts[none, column] += 1
    for g in np.flatnonzero(free):
        counts[overlap.object_category[g], none] += 1
    return counts
