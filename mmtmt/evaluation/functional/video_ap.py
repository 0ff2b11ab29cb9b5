"""Average precision of video instance segmentation, as the official YouTube-VIS evaluator has
it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from .inputs import read_ground_truth, read_results
from .matching import Matches, Pairing, match, outside, pair_up
from .remarks import count
from .tubes import MAX_RESULTS, GroundTruth, Results

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_THRESHOLDS = np.linspace(0, 1, 101)
# Mean areas over the frames, in pixels: all, small, medium, large.
AREA_RANGES = np.array([[0, 1e5], [0, 128], [128, 256], [256, 1e5]]) ** 2
MAX_DETECTIONS = (1, 10, MAX_RESULTS)

STATS_NAMES = (
    *('AP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large'),
    *('AR1', 'AR10', 'AR100', 'AR_small', 'AR_medium', 'AR_large'),
)


def evaluate(
    gt: str | Path | dict | GroundTruth,
    results: str | Path | Iterable[dict] | Results,
    *,
    class_agnostic: bool = False,
) -> dict:
    """Compares results with ground truth.

    Args:
        gt: annotations in the YouTube-VIS form: path of a json or json.gz file,
            its content, or what `read_ground_truth` made of it.
        results: list of ``{video_id, category_id, score, segmentations}`` with one RLE or null per
            frame: path or content.
        class_agnostic: take all categories as one, as UVO's official protocol does.

    Returns:
        A dictionary of

        - ``stats``: the 12 official numbers in the order of `STATS_NAMES`, -1 where nothing was
          there to be found; each also by its name;
        - ``precision``: (10 IoU thresholds, 101 recalls, K categories, 4 area ranges, 3 maximal
          numbers of results), -1 for categories without objects;
        - ``recall``: (10, K, 4, 3);
        - ``category_ids``: the K ids, rising; one -1 when class-agnostic;
        - ``per_category``: per id its name, AP, AP50, AP75 and AR100, None without objects;
        - ``class_agnostic``: as it was asked for;
        - ``counts``: numbers of videos, objects, crowd objects and results that came in, of
          results beyond the best 100 of a video and category, which are not looked at, of results
          that have the masks of another one, which count as wrong where that one is right, and
          of whatever else was left out; ``examples`` of it. `remarks` says it in sentences.

    Raises:
        ValueError: if the two don't fit each other; the message names the entry.
    """
    truth = gt if isinstance(gt, GroundTruth) else read_ground_truth(gt)
    if isinstance(results, Results):
        predicted = results
    else:
        predicted = read_results(results, truth, least_iou=IOU_THRESHOLDS[0])
    names = {-1: 'object'} if class_agnostic else truth.category_names
    category_ids = sorted(names)
    pairings = pair_up(truth, predicted, class_agnostic=class_agnostic)
    precision, recall = accumulate(match_all(pairings.values(), category_ids))
    stats = summarize(precision, recall)
    counts, examples = count(truth, predicted, class_agnostic=class_agnostic)
    return {
        'stats': stats,
        **dict(zip(STATS_NAMES, stats)),
        'precision': precision,
        'recall': recall,
        'category_ids': category_ids,
        'per_category': {
            i: {'name': names[i], **_summarize_category(precision[:, :, k], recall[:, k])}
            for k, i in enumerate(category_ids)
        },
        'class_agnostic': class_agnostic,
        'counts': counts,
        'examples': examples,
    }


def match_all(pairings: Iterable[Pairing], category_ids: Sequence[int]) -> list[list[Matches]]:
    """Matches at the official thresholds and area ranges.

    Args:
        pairings: in rising order of video id, as `pair_up` gives them. A part of them gives the
            matches of a part of the videos, a repeated one counts as often as it comes.
        category_ids: the K categories.

    Returns:
        Per category the matches of its videos.
    """
    by_category: dict[int, list[Matches]] = {category: [] for category in category_ids}
    for pairing in pairings:
        sides = [
            outside([tube.area for tube in side], AREA_RANGES)
            for side in (pairing.objects, pairing.results)
        ]
        by_category[pairing.category_id].append(match(pairing, IOU_THRESHOLDS, *sides))
    return list(by_category.values())


def accumulate(matches: list[list[Matches]]) -> tuple[np.ndarray, np.ndarray]:
    """Precision at the recall thresholds, and final recall.

    Args:
        matches: per category the matches of its videos, as `match_all` returns them.

    Returns:
        Precision (I, R, K, A, M) and recall (I, K, A, M), -1 where a category has no objects to be
        found.
    """
    sizes = len(IOU_THRESHOLDS), len(matches), len(AREA_RANGES), len(MAX_DETECTIONS)
    precision = np.full((sizes[0], len(RECALL_THRESHOLDS), *sizes[1:]), -1.0)
    recall = np.full(sizes, -1.0)
    for k, videos in enumerate(matches):
        if not videos:
            continue
        num_objects = sum(video.num_objects for video in videos)
        areas = np.flatnonzero(num_objects)
        if not len(areas):
            continue
        most = max(len(video.scores) for video in videos)
        for m, max_results in enumerate(MAX_DETECTIONS):
            if m and most <= MAX_DETECTIONS[m - 1]:
                # no video has results beyond the ones that counted already
                precision[:, :, k, :, m] = precision[:, :, k, :, m - 1]
                recall[:, k, :, m] = recall[:, k, :, m - 1]
                continue
            order = np.argsort(
                -np.concatenate([video.scores[:max_results] for video in videos]), kind='stable'
            )
            matched = np.concatenate(
                [video.matched[areas, :, :max_results] for video in videos], axis=-1
            )[..., order]
            ignored = np.concatenate(
                [video.ignored[areas, :, :max_results] for video in videos], axis=-1
            )[..., order]
            right = np.cumsum(matched & ~ignored, axis=-1)
            wrong = np.cumsum(~matched & ~ignored, axis=-1)
            for a, rights, wrongs in zip(areas, right, wrong):
                curves, final = _curves(rights, wrongs, int(num_objects[a]))
                precision[:, :, k, a, m], recall[:, k, a, m] = curves, final
    return precision, recall


def _curves(
    right: np.ndarray, wrong: np.ndarray, num_objects: int
) -> tuple[np.ndarray, np.ndarray | float]:
    """Precision at the recall thresholds, 0 beyond the final recall, and the final recall.

    Args:
        right: (I, D) right ones among the best 1, 2, ... D results.
        wrong: (I, D) wrong ones.
        num_objects: objects to be found.

    Returns:
        (I, R) and (I,).
    """
    curves = np.zeros((len(right), len(RECALL_THRESHOLDS)))
    length = right.shape[1]
    if not length:
        return curves, 0.0
    precisions = right / (right + wrong + np.spacing(1))
    falling = np.maximum.accumulate(precisions[:, ::-1], axis=1)[:, ::-1]
    # How many have to be right for a recall, and where so many are; row after row in one search.
    needed = np.searchsorted(np.arange(num_objects + 1) / num_objects, RECALL_THRESHOLDS)
    row = np.arange(len(right))[:, None]
    rising = (right + row * (num_objects + 1)).ravel()
    position = np.searchsorted(rising, needed + row * (num_objects + 1)) - row * length
    reached = position < length
    curves[reached] = falling[np.broadcast_to(row, reached.shape)[reached], position[reached]]
    return curves, right[:, -1] / num_objects


def summarize(precision: np.ndarray, recall: np.ndarray) -> list[float]:
    """The 12 official numbers, in the order of `STATS_NAMES`, of arrays as `accumulate` returns
    them."""
    at_50, at_75 = _iou_index(0.5), _iou_index(0.75)
    values = [precision[..., 0, 2], precision[at_50, ..., 0, 2], precision[at_75, ..., 0, 2]]
    values += [precision[..., area, 2] for area in (1, 2, 3)]
    values += [recall[..., 0, m] for m in range(3)]
    values += [recall[..., area, 2] for area in (1, 2, 3)]
    return [_mean_of_valid(value) for value in values]


def _iou_index(threshold: float) -> int:
    return int(np.argmin(np.abs(IOU_THRESHOLDS - threshold)))


def _mean_of_valid(values: np.ndarray) -> float:
    valid = values[values > -1]
    return float(valid.mean()) if valid.size else -1.0


def _summarize_category(precision: np.ndarray, recall: np.ndarray) -> dict[str, float | None]:
    curves = precision[..., 0, 2]
    values = {
        'AP': curves,
        'AP50': curves[_iou_index(0.5)],
        'AP75': curves[_iou_index(0.75)],
        'AR100': recall[..., 0, 2],
    }
    means = {name: _mean_of_valid(value) for name, value in values.items()}
    return {name: None if mean == -1 else mean for name, mean in means.items()}
