"""What kind of mistake each wrong result is, and what its end would bring.

After TIDE (Bolya et al., ECCV 2020, https://arxiv.org/abs/2008.08115), for tubes: a bad location is
parted into bad masks and bad timing. A result is *near* an object from an IoU of `NEAR` on and *on*
it from the IoU threshold on. The first line that holds is the judgement, in TIDE's order:

- right: the official matching gives it an object; one that it gives a crowd object is ignored.
- space, time, space_and_time: it is near an object of its category, and on none. It follows the
  object in the frames where their masks have an IoU of `NEAR` at least. If the IoU of these frames
  alone reaches the threshold, then the others are to blame: time. If perfect masks in these frames
  would reach it, the masks are: space. If both hold, the one that would bring the higher IoU. If
  neither, both.
- classification: it is on an object of another category.
- duplicate: it is on an object of its category, which has a better result.
- class_and_place: it is near an object of another category.
- background: it is near nothing.

An object that no result finds is missed, unless a classification or location error is about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..functional.matching import match
from .resampling import precision_curve
from .video_overlap import VideoOverlap, ratio

NEAR = 0.1
WRONG_KINDS = (
    *('classification', 'space', 'time', 'space_and_time', 'class_and_place'),
    *('duplicate', 'background'),
)
ERROR_KINDS = (*WRONG_KINDS, 'missed')
# Errors that are about one object, which counts as found when they are mended.
MENDABLE = ('classification', 'space', 'time', 'space_and_time')


@dataclass(frozen=True, eq=False)
class VideoErrors:
    """The judgement of the D results and G objects of one video.

    Attributes:
        video_id: id of the video.
        kind: (D,) 'right', 'ignored' or one of `WRONG_KINDS`.
        target: (D,) index of the object that the result is about, -1 for none.
        scores: (D,) scores.
        result_category: (D,) positions of categories, see `VideoOverlap`.
        object_category: (G,) the same.
        counted: (G,) bool, False for crowd objects.
        found: (G,) bool.
        missed: (G,) bool.
    """

    video_id: int | str
    kind: np.ndarray
    target: np.ndarray
    scores: np.ndarray
    result_category: np.ndarray
    object_category: np.ndarray
    counted: np.ndarray
    found: np.ndarray
    missed: np.ndarray

    @cached_property
    def best(self) -> np.ndarray:
        """(D,) bool, the best result of `MENDABLE` mistakes about an object that none finds."""
        about = np.isin(self.kind, MENDABLE)
        about[about] = ~self.found[self.target[about]]
        order = np.argsort(-self.scores, kind='stable')
        candidates = order[about[order]]
        best = np.zeros(len(self.kind), bool)
        best[candidates[np.unique(self.target[candidates], return_index=True)[1]]] = True
        return best

    def count(self, kind: str, min_score: float = -np.inf) -> int:
        """How often a mistake is made.

        Args:
            kind: One of `ERROR_KINDS`, or 'right' or 'ignored'.
            min_score: Results below are left out; objects are missed whatever the score.

        Returns:
            The number of results, or of objects for 'missed'.
        """
        if kind == 'missed':
            return int(self.missed.sum())
        return int(((self.kind == kind) & (self.scores >= min_score)).sum())


def find_errors(overlap: VideoOverlap, thresholds: Sequence[float]) -> list[VideoErrors]:
    """Judges every result and object of a video.

    Args:
        overlap: The video.
        thresholds: IoU from which on a result is on an object, rising.

    Returns:
        The judgement at each threshold.
    """
    counted = ~overlap.crowd
    facts = _look(overlap, counted)
    judged = []
    for threshold, (kind, target) in zip(thresholds, _match(overlap, thresholds), strict=True):
        wrong = kind == 'wrong'
        kinds, targets = facts.judge(threshold)
        kind, target = np.where(wrong, kinds, kind), np.where(wrong, targets, target)
        found = np.zeros(len(counted), bool)
        found[target[kind == 'right']] = True
        explained = found.copy()
        explained[target[np.isin(kind, MENDABLE)]] = True
        judged.append(
            VideoErrors(
                overlap.video_id,
                kind,
                target,
                overlap.scores,
                overlap.result_category,
                overlap.object_category,
                counted,
                found,
                counted & ~explained,
            )
        )
    return judged


def _match(
    overlap: VideoOverlap, thresholds: Sequence[float]
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """The official matching at each threshold: 'right', 'ignored' or 'wrong', and the object of the
    right ones."""
    kinds, targets, first = [], [], 0
    for pairing in overlap.pairings:
        inside = [np.zeros((1, len(side)), bool) for side in (pairing.objects, pairing.results)]
        matches = match(pairing, np.array(thresholds), *inside)
        taken, ignored = matches.taken[0], matches.ignored[0]
        kinds.append(np.where(ignored, 'ignored', np.where(taken >= 0, 'right', 'wrong')))
        targets.append(np.where((taken >= 0) & ~ignored, taken + first, -1))
        first += len(pairing.objects)
    return zip(np.concatenate(kinds, axis=1), np.concatenate(targets, axis=1).astype(int))


@dataclass(frozen=True, eq=False)
class _Facts:
    """What the D results of a video overlap with, whatever the threshold.

    Attributes:
        same: (D,) index of the nearest object of the result's category, -1 for none.
        same_iou: (D,) IoU with it, 0 for none.
        other: (D,) index of the nearest object of another category.
        other_iou: (D,) IoU with it.
        right_time: (D,) IoU with `same` over the frames in which the result follows it.
        right_masks: (D,) IoU with `same` if the masks were perfect in these frames.
    """

    same: np.ndarray
    same_iou: np.ndarray
    other: np.ndarray
    other_iou: np.ndarray
    right_time: np.ndarray
    right_masks: np.ndarray

    def judge(self, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Kind and target that each result has if it is wrong."""
        # As in the official matching, an IoU of 1 can be asked for.
        threshold = min(threshold, 1 - 1e-10)
        neither = np.maximum(self.right_time, self.right_masks) < threshold
        place = np.where(self.right_time >= self.right_masks, 'time', 'space')
        place = np.where(neither, 'space_and_time', place)
        lines = (
            ((self.same_iou >= NEAR) & (self.same_iou < threshold), place, self.same),
            (self.other_iou >= threshold, 'classification', self.other),
            (self.same_iou >= threshold, 'duplicate', self.same),
            (self.other_iou >= NEAR, 'class_and_place', self.other),
        )
        holds = [line[0] for line in lines]
        kinds = np.select(holds, [np.broadcast_to(line[1], place.shape) for line in lines], '')
        targets = np.select(holds, [line[2] for line in lines], -1)
        return np.where(kinds == '', 'background', kinds), targets


def _look(overlap: VideoOverlap, counted: np.ndarray) -> _Facts:
    alike = overlap.result_category[:, None] == overlap.object_category
    same, same_iou = _nearest(overlap.iou, alike & counted)
    other, other_iou = _nearest(overlap.iou, ~alike & counted)
    right_time, right_masks = np.zeros((2, len(same)))
    near = np.flatnonzero(same_iou >= NEAR)
    if len(near):
        pairs = near, same[near]
        follows = overlap.frame_iou[:, *pairs] >= NEAR
        shared, union = overlap.shared[:, *pairs], overlap.union[:, *pairs]
        right_time[near] = ratio((shared * follows).sum(axis=0), (union * follows).sum(axis=0))
        pixels = (overlap.object_areas[:, same[near]] * follows).sum(axis=0)
        right_masks[near] = ratio(pixels, pixels + (union * ~follows).sum(axis=0))
    return _Facts(same, same_iou, other, other_iou, right_time, right_masks)


def _nearest(iou: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row the place and IoU of the first highest one, -1 and 0 where none is allowed."""
    if not iou.shape[1]:
        return np.full(len(iou), -1), np.zeros(len(iou))
    best = np.argmax(np.where(among, iou, -1), axis=1)
    some = among.any(axis=1)
    return np.where(some, best, -1), np.where(some, iou[np.arange(len(iou)), best], 0)


def measure_errors(
    videos: Sequence[Sequence[VideoErrors]], min_score: float
) -> dict[str, dict[str, float]]:
    """How often each mistake is made and what the average precision would gain without it.

    Counts are those at the lowest IoU threshold. The gains are those of the precision there and of
    its mean over all thresholds, each of which has its own judgement. Each kind is mended alone:

    - classification, space, time and space_and_time: the result becomes right, with its score, if
      it is the best of all these about an object that no other result finds; otherwise it goes.
    - class_and_place, duplicate and background: the result goes.
    - missed: the object goes.

    Args:
        videos: Of each, its judgements at rising thresholds, from 0.5 on.
        min_score: Counts are also given for the results from this score on.

    Returns:
        Per kind, and with all wrong results gone (``false_positives``) and all objects gone that
        are not found (``false_negatives``): ``count``, ``count_confident``, ``AP50_gain`` and
        ``AP_gain``.
    """
    errors = [judged[0] for judged in videos]
    pools = [_Pool.of(at_threshold) for at_threshold in zip(*videos, strict=True)]
    before = np.array([pool.mended([]) for pool in pools])

    def row(kind: str, count: int, count_confident: int) -> dict[str, float]:
        gains = np.array([pool.mended([kind]) for pool in pools]) - before
        return {
            'count': count,
            'count_confident': count_confident,
            'AP50_gain': float(gains[0]),
            'AP_gain': float(gains.mean()),
        }

    table = {
        kind: row(
            kind,
            sum(video.count(kind) for video in errors),
            sum(video.count(kind, min_score) for video in errors),
        )
        for kind in ERROR_KINDS
    }
    wrong = [
        sum(table[kind][column] for kind in WRONG_KINDS) for column in ('count', 'count_confident')
    ]
    table['false_positives'] = row('false_positives', *wrong)
    unfound = sum(int((video.counted & ~video.found).sum()) for video in errors)
    table['false_negatives'] = row('false_negatives', unfound, unfound)
    return table


def mended_precision(errors: Iterable[VideoErrors], kinds: Sequence[str]) -> float:
    """Average precision at one IoU threshold, with some mistakes mended.

    Args:
        errors: Of all videos.
        kinds: What to mend, see `measure_errors`.

    Returns:
        The mean over the categories that have objects; 1 when none is left to be found.
    """
    return _Pool.of(list(errors)).mended(kinds)


@dataclass(frozen=True, eq=False)
class _Pool:
    """The results and objects of all videos at one threshold.

    Attributes:
        kind: (N,) of the results.
        category: (N,) theirs.
        right_category: (N,) that of the object that a result is about.
        scores: (N,) theirs.
        best: (N,) see `VideoErrors`.
        objects: (M,) categories of the objects that count.
        found: (M,) bool.
        missed: (M,) bool.
    """

    kind: np.ndarray
    category: np.ndarray
    right_category: np.ndarray
    scores: np.ndarray
    best: np.ndarray
    objects: np.ndarray
    found: np.ndarray
    missed: np.ndarray

    @classmethod
    def of(cls, errors: Sequence[VideoErrors]) -> _Pool:
        """Joins the videos, which are at least one."""
        columns = []
        for video in errors:
            right = video.result_category.copy()
            about = video.target >= 0
            right[about] = video.object_category[video.target[about]]
            columns.append(
                (
                    *(video.kind, video.result_category, right, video.scores, video.best),
                    video.object_category[video.counted],
                    video.found[video.counted],
                    video.missed[video.counted],
                )
            )
        return cls(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    def mended(self, kinds: Sequence[str]) -> float:
        """Average precision after the mending, see `mended_precision`."""
        chosen = np.isin(self.kind, kinds)
        mended = self.best & chosen
        wrong = np.isin(self.kind, WRONG_KINDS)
        gone = (self.kind == 'ignored') | (
            wrong & ~mended & (chosen | ('false_positives' in kinds))
        )
        right = ((self.kind == 'right') | mended)[~gone]
        category = np.where(mended, self.right_category, self.category)[~gone]
        scores = self.scores[~gone]
        left = np.ones(len(self.objects), bool)
        if 'missed' in kinds:
            left &= ~self.missed
        if 'false_negatives' in kinds:
            left &= self.found
        values = []
        for wanted, count in zip(*np.unique(self.objects[left], return_counts=True), strict=True):
            ranked = np.flatnonzero(category == wanted)
            hits = right[ranked[np.argsort(-scores[ranked], kind='stable')]]
            one, nowhere = np.ones((1, 1), np.int64), np.zeros(len(hits), int)
            curve = precision_curve(hits, ~hits, nowhere, np.array([count]), one)
            values.append(curve.mean())
        return float(np.mean(values)) if values else 1.0
