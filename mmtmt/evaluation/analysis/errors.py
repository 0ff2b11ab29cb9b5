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
        result_category: (D,) ids.
        object_category: (G,) ids.
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


def find_errors(overlap: VideoOverlap, threshold: float = 0.5) -> VideoErrors:
    """Judges every result and object of a video.

    Args:
        overlap: The video.
        threshold: IoU from which on a result is on an object.

    Returns:
        The judgement.
    """
    kind, target = _match(overlap, threshold)
    counted = ~overlap.crowd
    same = (overlap.result_category[:, None] == overlap.object_category) & counted
    other = (overlap.result_category[:, None] != overlap.object_category) & counted
    for d in np.flatnonzero(kind == 'wrong'):
        kind[d], target[d] = _judge(overlap, d, same[d], other[d], threshold)

    found = np.zeros(len(counted), bool)
    found[target[kind == 'right']] = True
    explained = found.copy()
    explained[target[np.isin(kind, MENDABLE)]] = True
    return VideoErrors(
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


def _match(overlap: VideoOverlap, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The official matching: 'right', 'ignored' or 'wrong', and the object of the right ones."""
    kinds, targets, first = [], [], 0
    for pairing in overlap.pairings:
        inside = [np.zeros((1, len(side)), bool) for side in (pairing.objects, pairing.results)]
        matches = match(pairing, np.array([threshold]), *inside)
        taken, ignored = matches.taken[0, 0], matches.ignored[0, 0]
        kinds.append(np.where(ignored, 'ignored', np.where(taken >= 0, 'right', 'wrong')))
        targets.append(np.where((taken >= 0) & ~ignored, taken + first, -1))
        first += len(pairing.objects)
    return np.concatenate(kinds).astype(object), np.concatenate(targets).astype(int)


def _judge(
    overlap: VideoOverlap, result: int, same: np.ndarray, other: np.ndarray, threshold: float
) -> tuple[str, int]:
    iou = overlap.iou[result]
    best_same, best_other = (
        (int(np.argmax(np.where(side, iou, -1))) if side.any() else -1) for side in (same, other)
    )
    same_iou = iou[best_same] if best_same >= 0 else 0.0
    other_iou = iou[best_other] if best_other >= 0 else 0.0
    # As in the official matching, an IoU of 1 can be asked for.
    threshold = min(threshold, 1 - 1e-10)
    if NEAR <= same_iou < threshold:
        return _place(overlap, result, best_same, threshold), best_same
    if other_iou >= threshold:
        return 'classification', best_other
    if same_iou >= threshold:
        return 'duplicate', best_same
    if other_iou >= NEAR:
        return 'class_and_place', best_other
    return 'background', -1


def _place(overlap: VideoOverlap, result: int, item: int, threshold: float) -> str:
    """Whether the masks, the timing or both are to blame for a low IoU."""
    follows = overlap.frame_iou[:, result, item] >= NEAR
    shared, union = overlap.shared[:, result, item], overlap.union[:, result, item]
    right_time = ratio(shared[follows].sum(), union[follows].sum())
    object_pixels = overlap.object_areas[follows, item].sum()
    right_masks = ratio(object_pixels, object_pixels + union[~follows].sum())
    if max(right_time, right_masks) < threshold:
        return 'space_and_time'
    return 'time' if right_time >= right_masks else 'space'


def measure_errors(errors: Sequence[VideoErrors], min_score: float) -> dict[str, dict]:
    """How often each mistake is made and what the average precision would gain without it.

    The gain is that of the precision at the one IoU threshold of `find_errors`, each kind mended
    alone:

    - classification, space, time and space_and_time: the result becomes right, with its score, if
      it is the best of all these about an object that no other result finds; otherwise it goes.
    - class_and_place, duplicate and background: the result goes.
    - missed: the object goes.

    Args:
        errors: Of all videos.
        min_score: Counts are also given for the results from this score on.

    Returns:
        Per kind, and with all wrong results gone (``false_positives``) and all objects gone that
        are not found (``false_negatives``): ``count``, ``count_confident`` and ``gain``.
    """
    before = mended_precision(errors, [])
    table = {
        kind: {
            'count': sum(video.count(kind) for video in errors),
            'count_confident': sum(video.count(kind, min_score) for video in errors),
            'gain': mended_precision(errors, [kind]) - before,
        }
        for kind in ERROR_KINDS
    }
    wrong = [table[kind] for kind in WRONG_KINDS]
    unfound = sum(int((video.counted & ~video.found).sum()) for video in errors)
    table['false_positives'] = {
        'count': sum(row['count'] for row in wrong),
        'count_confident': sum(row['count_confident'] for row in wrong),
        'gain': mended_precision(errors, ['false_positives']) - before,
    }
    table['false_negatives'] = {
        'count': unfound,
        'count_confident': unfound,
        'gain': mended_precision(errors, ['false_negatives']) - before,
    }
    return table


def mended_precision(errors: Iterable[VideoErrors], kinds: Sequence[str]) -> float:
    """Average precision at one IoU threshold, with some mistakes mended.

    Args:
        errors: Of all videos.
        kinds: What to mend, see `measure_errors`.

    Returns:
        The mean over the categories that have objects; 1 when none is left to be found.
    """
    parts, num_objects = [], {}
    for video in errors:
        parts.append(_mended(video, kinds))
        gone = np.zeros(len(video.counted), bool)
        if 'missed' in kinds:
            gone |= video.missed
        if 'false_negatives' in kinds:
            gone |= ~video.found
        for category in video.object_category[video.counted & ~gone]:
            num_objects[category] = num_objects.get(category, 0) + 1
    category, score, right = (np.concatenate(column) for column in zip(*parts, strict=True))
    values = []
    for wanted, count in num_objects.items():
        chosen = np.flatnonzero(category == wanted)
        chosen = chosen[np.argsort(-score[chosen], kind='stable')]
        hits = right[chosen]
        one = np.ones((1, 1), np.int64)
        nowhere = np.zeros(len(chosen), int)
        curve = precision_curve(hits, ~hits, nowhere, np.array([count]), one)
        values.append(curve.mean())
    return float(np.mean(values)) if values else 1.0


def _mended(video: VideoErrors, kinds: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Category, score and rightness of the results of a video after the mending."""
    right, gone = video.kind == 'right', video.kind == 'ignored'
    category = video.result_category.copy()
    claimed = video.found.copy()
    for d in np.argsort(-video.scores, kind='stable'):
        kind, target = video.kind[d], video.target[d]
        is_best = kind in MENDABLE and not claimed[target]
        if is_best:
            claimed[target] = True
        if kind not in WRONG_KINDS:
            continue
        if is_best and kind in kinds:
            right[d], category[d] = True, video.object_category[target]
        elif kind in kinds or 'false_positives' in kinds:
            gone[d] = True
    return category[~gone], video.scores[~gone], right[~gone]
