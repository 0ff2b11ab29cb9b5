"""Average precision of parts of the objects: by size, length of track and video, occlusion.

A group is measured as the official evaluator measures area ranges: objects outside count neither
way, nor do results that were given such an object or, without one, lie outside themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..functional.matching import Matches, Pairing, match, outside
from ..functional.tubes import GroundTruth, Tube
from ..functional.video_ap import AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS
from .resampling import average_precision, average_recall, mean_of_valid, rank_matches
from .sample import AT_50, AT_75

# Frames: short, medium, long.
LENGTH_RANGES = np.array([[0, 15], [16, 31], [32, np.inf]])
# What the levels of OVIS count, and the means over an object's frames that part its groups. An
# object that is slightly occluded all the time is the most occluded of the slight ones.
OCCLUSION_LEVELS = {'no_occlusion': 0.0, 'slight_occlusion': 0.25, 'severe_occlusion': 0.75}
OCCLUSION_RANGES = np.array([[0, 0.25], [np.nextafter(0.25, 1), 0.5], [np.nextafter(0.5, 1), 1]])


@dataclass(frozen=True)
class Grouping:
    """One way to part the objects.

    Attributes:
        name: What it goes by.
        groups: Names of its groups.
        ranges: (A, 2) lowest and highest value of each, both included.
        value: Of an object or result; NaN lies in every range.
    """

    name: str
    groups: tuple[str, ...]
    ranges: np.ndarray
    value: Callable[[Tube], float]


def groupings(truth: GroundTruth) -> list[Grouping]:
    """The ways to part the objects of a set.

    Args:
        truth: The set.

    Returns:
        Size, track length, video length and, where annotations have it, occlusion.
    """
    lengths = {video.id: video.length for video in truth.videos.values()}
    names = ('short', 'medium', 'long')
    found = [
        Grouping('size', ('small', 'medium', 'large'), AREA_RANGES[1:], lambda tube: tube.area),
        Grouping('track length', names, LENGTH_RANGES, lambda tube: (tube.areas > 0).sum()),
        Grouping('video length', names, LENGTH_RANGES, lambda tube: lengths[tube.video_id]),
    ]
    objects = [tube for group in truth.tubes.values() for tube in group]
    if any(tube.occlusion is not None for tube in objects):
        ids = {id(tube) for tube in objects}
        found.append(
            Grouping(
                'occlusion',
                ('slight', 'moderate', 'heavy'),
                OCCLUSION_RANGES,
                # Nothing says how occluded a result is, so that none lies outside.
                lambda tube: occlusion_score(tube) if id(tube) in ids else np.nan,
            )
        )
    return found


def occlusion_score(item: Tube) -> float:
    """How much of an annotated object is hidden by others, as far as OVIS tells.

    Args:
        item: The object.

    Returns:
        Mean of `OCCLUSION_LEVELS` over the frames where it is visible; -1, which is in no group,
        without any.

    Raises:
        ValueError: If a level is none of `OCCLUSION_LEVELS`.
    """
    if item.occlusion is None:
        return -1.0
    words = [word for word, area in zip(item.occlusion, item.areas) if area > 0 and word]
    unknown = [w for w in words if not isinstance(w, str) or w not in OCCLUSION_LEVELS]
    if unknown:
        raise ValueError(
            f'annotation {item.id}: expected occlusion levels {list(OCCLUSION_LEVELS)}, '
            f'got {unknown[0]!r:.40}'
        )
    return float(np.mean([OCCLUSION_LEVELS[word] for word in words])) if words else -1.0


def measure_groups(pairings: Sequence[Pairing], grouping: Grouping) -> dict[str, dict]:
    """Average precision and recall of every group.

    Args:
        pairings: As `pair_up` gives them.
        grouping: The groups.

    Returns:
        Per group the number of ``objects``, ``AP``, ``AP50``, ``AP75`` and ``AR100``, None where it
        has no objects.
    """
    videos = {video: v for v, video in enumerate(dict.fromkeys(p.video_id for p in pairings))}
    by_id: dict[int, tuple[list[Matches], list[int]]] = {}
    for pairing in pairings:
        sides = [
            outside([grouping.value(tube) for tube in side], grouping.ranges)
            for side in (pairing.objects, pairing.results)
        ]
        matches, indices = by_id.setdefault(pairing.category_id, ([], []))
        matches.append(match(pairing, IOU_THRESHOLDS, *sides))
        indices.append(videos[pairing.video_id])
    everything = np.ones((1, len(videos)), np.int64)
    table = {}
    for group, name in enumerate(grouping.groups):
        ranked = {i: rank_matches(*parts, len(videos), group) for i, parts in by_id.items()}
        precision = [average_precision(one, everything)[0] for one in ranked.values()]
        recall = [average_recall(one, everything)[0, -1] for one in ranked.values()]
        means = mean_of_valid(precision)
        table[name] = {
            'objects': int(sum(one.num_objects.sum() for one in ranked.values())),
            'AP': none_if_nan(means.mean()),
            'AP50': none_if_nan(means[AT_50]),
            'AP75': none_if_nan(means[AT_75]),
            f'AR{MAX_DETECTIONS[-1]}': none_if_nan(float(mean_of_valid(recall))),
        }
    return table


def none_if_nan(value: float) -> float | None:
    """A number for json.

    Args:
        value: Any.

    Returns:
        None in place of NaN.
    """
    return None if np.isnan(value) else float(value)
