"""HOTA and IDF1 on masks, as TrackEval defines them.

HOTA: Luiten et al., IJCV 2021, https://arxiv.org/abs/2009.07736. IDF1: Ristani et al., 2016.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from .assignment import best_pairs

# Overlaps at which detections count as matched, 0.05 to 0.95.
ALPHAS = np.arange(0.05, 0.99, 0.05)
IDENTITY_THRESHOLD = 0.5
# A detection of which more than this lies on a crowd region doesn't count unless it is matched.
CROWD_COVER = 0.5
TRACKING_NAMES = (
    *('HOTA', 'DetA', 'AssA', 'DetRe', 'DetPr', 'AssRe', 'AssPr', 'LocA'),
    *('IDF1', 'IDR', 'IDP'),
)
_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class TrackCounts:
    """What the tracking metrics are made of; sums over videos are those of the whole.

    Attributes:
        matched: (19,) matched detections per overlap in `ALPHAS`.
        missed: (19,) detections of objects without a match.
        wrong: (19,) detections of results without a match.
        association: (19,) sum over the matched detections of the share of their two tracks that is
            matched to each other.
        association_recall: (19,) the same with the object's track alone below the line.
        association_precision: (19,) the same with the result's track alone.
        localization: (19,) sum of the overlaps of the matched detections.
        identity_matched: detections right under the best one-to-one pairing of whole tracks.
        identity_missed: detections of objects that are not.
        identity_wrong: detections of results that are not.
    """

    matched: np.ndarray
    missed: np.ndarray
    wrong: np.ndarray
    association: np.ndarray
    association_recall: np.ndarray
    association_precision: np.ndarray
    localization: np.ndarray
    identity_matched: float
    identity_missed: float
    identity_wrong: float

    def __add__(self, other: TrackCounts) -> TrackCounts:
        """Counts of both together."""
        names = [field.name for field in fields(self)]
        return TrackCounts(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def empty(self) -> bool:
        """Whether there is neither an object nor a result."""
        return self.identity_matched + self.identity_missed + self.identity_wrong == 0

    def scores(self) -> dict[str, np.ndarray]:
        """The values of `TRACKING_NAMES`, those of HOTA as means over `ALPHAS`; one of each for
        every sample of resampled counts."""
        matched = self.matched
        detection = matched / np.maximum(1, matched + self.missed + self.wrong)
        association = self.association / np.maximum(1, matched)
        means = {
            'HOTA': np.sqrt(detection * association),
            'DetA': detection,
            'AssA': association,
            'DetRe': matched / np.maximum(1, matched + self.missed),
            'DetPr': matched / np.maximum(1, matched + self.wrong),
            'AssRe': self.association_recall / np.maximum(1, matched),
            'AssPr': self.association_precision / np.maximum(1, matched),
            # Without any match TrackEval takes 1.
            'LocA': np.maximum(1e-10, self.localization) / np.maximum(1e-10, matched),
        }
        right, missed, wrong = self.identity_matched, self.identity_missed, self.identity_wrong
        return {
            **{name: values.mean(axis=-1) for name, values in means.items()},
            'IDF1': right / np.maximum(1, right + 0.5 * missed + 0.5 * wrong),
            'IDR': right / np.maximum(1, right + missed),
            'IDP': right / np.maximum(1, right + wrong),
        }


def no_tracks() -> TrackCounts:
    """The counts of nothing.

    Returns:
        Zeros.
    """
    return TrackCounts(*(np.zeros(len(ALPHAS)) for _ in range(7)), 0.0, 0.0, 0.0)


def resample_tracks(counts: Sequence[TrackCounts], weights: np.ndarray) -> TrackCounts:
    """Counts of samples of the videos.

    Args:
        counts: Of V videos.
        weights: (R, V) how often each video is in each sample.

    Returns:
        Sums with R as the first dimension.
    """
    names = [field.name for field in fields(TrackCounts)]
    return TrackCounts(
        *(weights @ np.array([getattr(count, name) for count in counts]) for name in names)
    )


def count_tracks(
    iou: np.ndarray, object_present: np.ndarray, result_present: np.ndarray
) -> TrackCounts:
    """Compares the tracks of one video and category; T frames, D results, G objects.

    Args:
        iou: (T, D, G) overlaps per frame; 0 where one of the two is absent.
        object_present: (T, G) where objects are to be seen.
        result_present: (T, D) where results have a mask.

    Returns:
        The counts.
    """
    object_length, result_length = object_present.sum(axis=0), result_present.sum(axis=0)
    num_objects, num_results = float(object_length.sum()), float(result_length.sum())
    missed, wrong = np.full(len(ALPHAS), num_objects), np.full(len(ALPHAS), num_results)
    zeros = np.zeros(len(ALPHAS))
    if not num_objects or not num_results:
        return TrackCounts(zeros, missed, wrong, *[zeros] * 4, 0.0, num_objects, num_results)

    alignment = _alignment(iou, object_length, result_length)
    # How often each pair is matched, and the sum of overlaps there, per alpha.
    pairs = np.zeros((len(ALPHAS), *alignment.shape))
    localization = np.zeros(len(ALPHAS))
    for t in np.flatnonzero(iou.any(axis=(1, 2))):
        objects, results = np.flatnonzero(object_present[t]), np.flatnonzero(result_present[t])
        here = iou[t][np.ix_(results, objects)]
        gain = here * alignment[np.ix_(results, objects)]
        # Objects are the rows, as in TrackEval, which matters where several pairings are as good.
        columns, rows = _pairs(gain.T)
        overlap = here[rows, columns]
        reached = overlap >= ALPHAS[:, None] - _EPS
        pairs[:, results[rows], objects[columns]] += reached
        localization += reached @ overlap

    matched = pairs.sum(axis=(1, 2))
    lengths = object_length + result_length[:, None]
    share = pairs / np.maximum(1, lengths - pairs)
    identity = _best_total((iou >= IDENTITY_THRESHOLD).sum(axis=0))
    return TrackCounts(
        matched,
        missed - matched,
        wrong - matched,
        (pairs * share).sum(axis=(1, 2)),
        (pairs * pairs / np.maximum(1, object_length)).sum(axis=(1, 2)),
        (pairs * pairs / np.maximum(1, result_length[:, None])).sum(axis=(1, 2)),
        localization,
        identity,
        num_objects - identity,
        num_results - identity,
    )


def crowd_detections(
    iou: np.ndarray, result_present: np.ndarray, crowd_cover: np.ndarray
) -> np.ndarray:
    """Detections that count neither as right nor as wrong, as on MOTS: they lie on a crowd region
    and aren't the best partner of an object in their frame.

    Args:
        iou: (T, D, G) overlaps with the objects that aren't crowds.
        result_present: (T, D) where results have a mask.
        crowd_cover: (T, D) the share of each detection that crowd regions of its category cover.

    Returns:
        (T, D) bool.
    """
    covered = result_present & (crowd_cover > CROWD_COVER + _EPS)
    for t in np.flatnonzero(covered.any(axis=1)):
        gain = np.where(iou[t] >= IDENTITY_THRESHOLD - _EPS, iou[t], 0)
        columns, rows = _pairs(gain.T)
        covered[t, rows[gain[rows, columns] > 0]] = False
    return covered


def average_over_categories(counts: Iterable[TrackCounts]) -> dict[str, float]:
    """Means of the scores over the categories that occur, as object or as result.

    Args:
        counts: Per category its counts.

    Returns:
        The values of `TRACKING_NAMES`; -1 when no category occurs.
    """
    rows = [count.scores() for count in counts if not count.empty]
    if not rows:
        return dict.fromkeys(TRACKING_NAMES, -1.0)
    return {name: float(np.mean([row[name] for row in rows])) for name in TRACKING_NAMES}


def _alignment(iou: np.ndarray, object_length: np.ndarray, result_length: np.ndarray) -> np.ndarray:
    """(D, G): how well whole tracks agree before any matching, which guides the matching."""
    sums = iou.sum(axis=1, keepdims=True) + iou.sum(axis=2, keepdims=True) - iou
    shares = np.divide(iou, sums, out=np.zeros_like(iou), where=sums > _EPS)
    potential = shares.sum(axis=0)
    return potential / np.maximum(object_length + result_length[:, None] - potential, _EPS)


def _pairs(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best pairing; pairs without a gain may be left out."""
    positive = gain > 0
    if (positive.sum(axis=0) <= 1).all() and (positive.sum(axis=1) <= 1).all():
        return np.nonzero(positive)
    return best_pairs(gain)


def _best_total(counts: np.ndarray) -> float:
    rows, columns = _pairs(counts.astype(float))
    return float(counts[rows, columns].sum())
