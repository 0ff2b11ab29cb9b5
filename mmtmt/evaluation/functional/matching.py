"""Assignment of results to ground truth within one video and category, the official way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .overlap import iou_of, tube_iou
from .tubes import MAX_RESULTS, GroundTruth, Results, Tube, TubesByGroup


@dataclass(frozen=True, eq=False)
class Pairing:
    """The objects and the best results of one video and category, with their overlap.

    Attributes:
        video_id: id of the video.
        category_id: id of the category; -1 when all are taken as one.
        objects: G annotated tubes in the order of the file.
        results: D predicted tubes in falling order of score, `MAX_RESULTS` at most; ties keep the
            order of the file.
        iou: (D, G) spatio-temporal IoU.
    """

    video_id: int | str
    category_id: int
    objects: list[Tube]
    results: list[Tube]
    iou: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """(D,) scores of the results."""
        return np.array([result.score for result in self.results], float)

    @property
    def crowd(self) -> np.ndarray:
        """(G,) bool, True for crowd objects."""
        return np.array([item.ignore for item in self.objects], bool)


@dataclass(frozen=True, eq=False)
class Matches:
    """Outcome for one video and category; A bins such as area ranges, I IoU thresholds, D results
    in falling order of score.

    Attributes:
        scores: (D,) scores.
        taken: (A, I, D) index of the object that a result was given, -1 where it was given none.
        ignored: (A, I, D) True where a result counts neither as right nor as wrong.
        num_objects: (A,) objects that count.
    """

    scores: np.ndarray
    taken: np.ndarray
    ignored: np.ndarray
    num_objects: np.ndarray

    @property
    def matched(self) -> np.ndarray:
        """(A, I, D) True where a result was given an object."""
        return self.taken >= 0


def pair_up(
    truth: GroundTruth, results: Results, *, class_agnostic: bool = False
) -> dict[tuple[int | str, int], Pairing]:
    """Computes the overlap of all objects and results of the same video and category.

    Args:
        truth: the ground truth.
        results: what is compared with it.
        class_agnostic: take all categories as one, with the id -1.

    Returns:
        The pairings by (video id, category id), in rising order of video id and category id;
        groups with neither objects nor results are left out.
    """
    objects, predicted = truth.tubes, results.tubes
    if class_agnostic:
        objects, predicted = merge_categories(objects), merge_categories(predicted)
    pairings = {}
    for key in sorted(objects.keys() | predicted.keys()):
        ranked = sorted(predicted.get(key, []), key=lambda tube: -tube.score)[:MAX_RESULTS]
        here = objects.get(key, [])
        if class_agnostic or results.truth is not truth:
            iou = tube_iou(ranked, here)
        else:
            shared = np.array([tube.shared for tube in ranked], int)
            iou = iou_of(shared.reshape(len(ranked), len(here)), ranked, here)
        pairings[key] = Pairing(*key, here, ranked, iou)
    return pairings


def match(
    pairing: Pairing,
    thresholds: np.ndarray,
    objects_outside: np.ndarray,
    results_outside: np.ndarray,
) -> Matches:
    """Goes through the results from the highest score down and gives each the free object of
    highest IoU.

    Objects outside a bin and crowd objects are taken only when no other one reaches the
    threshold, and a crowd object may be taken many times. Of objects at the same IoU the last is
    taken. Results without an object don't count when they are outside the bin.

    Args:
        pairing: G objects and D results of one video and category.
        thresholds: (I,) IoU thresholds, rising.
        objects_outside: (A, G) bool, whether an object lies outside a bin, such as an area range.
        results_outside: (A, D) bool, the same for the results.

    Returns:
        Which object each result was given, and which results don't count.
    """
    iou, crowd = pairing.iou, pairing.crowd
    ignore = crowd | objects_outside
    limits = np.minimum(thresholds, 1 - 1e-10)

    num_objects = len(pairing.objects)
    shape = (len(ignore), len(thresholds), len(pairing.results))
    taken, ignored = np.full(shape, -1, np.int32), np.zeros(shape, bool)
    candidates: Sequence[int] = ()
    # Most videos have one object of a category; going through its results takes a quarter longer.
    if num_objects == 1:
        found = _first(iou[:, 0] >= limits[:, None], repeatedly=bool(crowd[0]))
        taken[:, found] = 0
        ignored |= found & ignore[:, :, None]
    elif num_objects:
        candidates = np.flatnonzero(iou.max(axis=1, initial=0) >= limits[0])
        free = np.ones((*shape[:2], num_objects), bool)
    for d in candidates:
        allowed = (iou[d] >= limits[:, None]) & (free | crowd)
        counted = allowed & ~ignore[:, None]
        # Ordinary objects come first; the ignored ones are looked at only where there is none.
        choices = np.where(counted.any(axis=-1, keepdims=True), counted, allowed)
        last_best = num_objects - 1 - np.argmax(np.where(choices, iou[d], -1)[..., ::-1], axis=-1)
        found = choices.any(axis=-1)
        taken[..., d] = np.where(found, last_best, -1)
        ignored[..., d] = found & np.take_along_axis(ignore, last_best, axis=1)
        bin_index, threshold_index = np.nonzero(found)
        free[bin_index, threshold_index, last_best[found]] = False

    ignored |= (taken < 0) & results_outside[:, None]
    return Matches(pairing.scores, taken, ignored, (~ignore).sum(axis=1))


def _first(reached: np.ndarray, *, repeatedly: bool) -> np.ndarray:
    """Which results are given the only object there is: the first that reaches the threshold.

    Args:
        reached: (I, D) bool.
        repeatedly: whether it may be taken many times.

    Returns:
        (I, D) bool.
    """
    return reached if repeatedly else reached & (np.cumsum(reached, axis=1) == 1)


def outside(values: Sequence[float], ranges: np.ndarray) -> np.ndarray:
    """Whether each of N values lies outside each of A ranges.

    Args:
        values: the values.
        ranges: (A, 2) lowest and highest value, both included.

    Returns:
        (A, N) bool.
    """
    row = np.asarray(values, float)[None]
    return (row < ranges[:, :1]) | (row > ranges[:, 1:])


def merge_categories(tubes: TubesByGroup) -> TubesByGroup:
    """All categories as one with the id -1, within a video in rising order of their ids."""
    merged: TubesByGroup = {}
    for video, category in sorted(tubes):
        merged.setdefault((video, -1), []).extend(tubes[video, category])
    return merged
