"""Average precision and recall of many samples of the videos at once, without matching again.

A sample says how often each video counts. A video that counts twice gives the same numbers as one
that is in the file twice, unless several of its results have one score: their order then differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..functional.matching import Matches
from ..functional.video_ap import MAX_DETECTIONS, RECALL_THRESHOLDS

# Samples weighed at a time, which bounds the memory.
CHUNK = 64


@dataclass(frozen=True, eq=False)
class RankedMatches:
    """The results of one category over all V videos, from the highest score down; I IoU thresholds,
    N results.

    Attributes:
        scores: (N,) falling.
        video: (N,) index of the video.
        right: (I, N) bool, given an object that counts.
        wrong: (I, N) bool, given none.
        num_objects: (V,) objects that count.
        found: (M, I, V) objects found with the best 1, 10 and 100 results of each video.
    """

    scores: np.ndarray
    video: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    num_objects: np.ndarray
    found: np.ndarray


def rank_matches(
    matches: Sequence[Matches], videos: Sequence[int], num_videos: int, group: int = 0
) -> RankedMatches:
    """Brings the results of one category into the order in which precision is measured.

    Args:
        matches: Of its videos, at least one.
        videos: Index of the video of each.
        num_videos: V.
        group: Which bin of the matches to take.

    Returns:
        The ranking.
    """
    num_objects = np.zeros(num_videos, np.int64)
    np.add.at(num_objects, videos, [match.num_objects[group] for match in matches])
    right = [match.matched[group] & ~match.ignored[group] for match in matches]
    wrong = [~match.matched[group] & ~match.ignored[group] for match in matches]
    found = np.zeros((len(MAX_DETECTIONS), len(right[0]), num_videos), np.int64)
    for m, most in enumerate(MAX_DETECTIONS):
        for video, part in zip(videos, right, strict=True):
            found[m, :, video] += part[:, :most].sum(axis=1)
    scores = np.concatenate([match.scores for match in matches])
    order = np.argsort(-scores, kind='stable')
    video = np.repeat(videos, [len(match.scores) for match in matches])[order]
    return RankedMatches(
        scores[order],
        video,
        np.concatenate(right, axis=1)[:, order],
        np.concatenate(wrong, axis=1)[:, order],
        num_objects,
        found,
    )


def average_precision(ranked: RankedMatches, weights: np.ndarray) -> np.ndarray:
    """Mean precision at the 101 recall thresholds.

    Args:
        ranked: One category.
        weights: (R, V) how often each video is in each sample.

    Returns:
        (R, I); NaN where a sample has no object of the category.
    """
    return np.stack(
        [
            precision_curve(right, wrong, ranked.video, ranked.num_objects, weights).mean(axis=1)
            for right, wrong in zip(ranked.right, ranked.wrong, strict=True)
        ],
        axis=1,
    )


def average_recall(ranked: RankedMatches, weights: np.ndarray) -> np.ndarray:
    """Recall with at most 1, 10 and 100 results per video, mean over the IoU thresholds.

    Args:
        ranked: One category.
        weights: (R, V) how often each video is in each sample.

    Returns:
        (R, M); NaN where a sample has no object of the category.
    """
    found = np.einsum('rv,miv->rmi', weights, ranked.found).mean(axis=-1)
    total = (weights @ ranked.num_objects).astype(float)
    return found / np.where(total > 0, total, np.nan)[:, None]


def precision_curve(
    right: np.ndarray,
    wrong: np.ndarray,
    video: np.ndarray,
    num_objects: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Interpolated precision at the 101 recall thresholds of samples of the videos.

    Args:
        right: (N,) bool, in falling order of score.
        wrong: (N,) bool.
        video: (N,) index of the video of each result.
        num_objects: (V,) objects to be found.
        weights: (R, V) how often each video is in each sample.

    Returns:
        (R, 101); NaN where a sample has no objects.
    """
    total = weights @ num_objects
    curves = np.zeros((len(weights), len(RECALL_THRESHOLDS)))
    # What comes after the last right result changes no interpolated precision.
    last = int(np.flatnonzero(right)[-1]) + 1 if right.any() else 0
    keep = np.flatnonzero(right[:last] | wrong[:last])
    right, wrong, video = right[keep], wrong[keep], video[keep]
    for start in range(0, len(weights) if last else 0, CHUNK):
        part = slice(start, start + CHUNK)
        here = weights[part][:, video]
        hits = np.cumsum(here * right, axis=1)
        precision = hits / (hits + np.cumsum(here * wrong, axis=1) + np.spacing(1))
        falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # One search for all samples: each has its own stretch of whole numbers.
        stretch = int(hits.max()) + 2
        offset = np.arange(len(hits))[:, None] * stretch
        needed = np.minimum(_hits_needed(total[part]), stretch - 1)
        position = np.searchsorted((hits + offset).ravel(), (needed + offset).ravel())
        position = position.reshape(needed.shape) - np.arange(len(hits))[:, None] * hits.shape[1]
        reached = position < hits.shape[1]
        values = np.take_along_axis(falling, np.where(reached, position, 0), axis=1)
        curves[part] = np.where(reached, values, 0)
    curves[total == 0] = np.nan
    return curves


def _hits_needed(total: np.ndarray) -> np.ndarray:
    """(R, 101): the fewest right results whose share of the objects reaches a recall threshold."""
    objects = np.maximum(total, 1)[:, None]
    needed = np.ceil(RECALL_THRESHOLDS * objects)
    needed -= (needed > 0) & ((needed - 1) / objects >= RECALL_THRESHOLDS)
    needed += needed / objects < RECALL_THRESHOLDS
    return needed.astype(np.int64)


def bootstrap_weights(num_videos: int, replicates: int, seed: int) -> np.ndarray:
    """Samples of as many videos as there are, drawn with replacement.

    Args:
        num_videos: V.
        replicates: R.
        seed: Of the generator.

    Returns:
        (R, V) int64.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_videos, np.full(num_videos, 1 / num_videos), size=replicates)


def interval(samples: np.ndarray, value: float | None = None) -> list[float] | None:
    """95 % percentile interval, bias-corrected (Efron, 1981) when the value itself is given.

    Interpolated precision lies higher on few objects, and a sample has fewer different objects than
    the set. On generated rankings of 20 and 60 videos with ten categories, plain 95 % intervals
    held the true AP 82 % of the time, corrected ones 88 %; on 200 videos both held it 92 %.

    Args:
        samples: Values of the samples, NaN where there is none.
        value: What was measured on the videos as they are.

    Returns:
        Lower and upper end; None without any sample.
    """
    valid = samples[~np.isnan(samples)]
    if not len(valid):
        return None
    ends = np.array([0.025, 0.975])
    if value is not None:
        below = (np.mean(valid < value - 1e-12) + np.mean(valid <= value + 1e-12)) / 2
        margin = 0.5 / len(valid)
        normal = NormalDist()
        shift = 2 * normal.inv_cdf(min(max(below, margin), 1 - margin))
        ends = np.array([normal.cdf(shift + normal.inv_cdf(end)) for end in ends])
    return [float(end) for end in np.quantile(valid, ends)]


def mean_of_valid(values: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over categories, without the NaN.

    Args:
        values: Arrays of one shape.

    Returns:
        An array of that shape; NaN where all are.
    """
    stacked = np.stack(values)
    valid = ~np.isnan(stacked)
    count = valid.sum(axis=0)
    total = np.where(valid, stacked, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
