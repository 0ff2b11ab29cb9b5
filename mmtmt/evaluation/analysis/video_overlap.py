"""Everything that meets in one video, whatever its category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from ..functional.matching import Pairing
from ..functional.overlap import frame_intersections
from ..functional.tubes import Tube


@dataclass(frozen=True, eq=False)
class VideoOverlap:
    """The objects and results of one video of T frames with their overlaps.

    Attributes:
        video_id: id of the video.
        pairings: one per category; the results and objects below are theirs, one after the other.
        objects: G annotated tubes.
        results: D predicted tubes.
        object_category: (G,) int64, positions of their categories among the K evaluated ones:
            ids may be text, or numbers that NumPy rounds.
        result_category: (D,) the same for the results.
    """

    video_id: int | str
    pairings: list[Pairing]
    objects: list[Tube]
    results: list[Tube]
    object_category: np.ndarray
    result_category: np.ndarray

    @cached_property
    def shared(self) -> np.ndarray:
        """(T, D, G) pixels in common."""
        return frame_intersections(self.results, self.objects)

    @cached_property
    def object_areas(self) -> np.ndarray:
        """(T, G) pixels."""
        return _areas(self.objects, len(self.shared))

    @cached_property
    def result_areas(self) -> np.ndarray:
        """(T, D) pixels."""
        return _areas(self.results, len(self.shared))

    @cached_property
    def union(self) -> np.ndarray:
        """(T, D, G) pixels in either."""
        return self.result_areas[:, :, None] + self.object_areas[:, None] - self.shared

    @cached_property
    def frame_iou(self) -> np.ndarray:
        """(T, D, G) IoU per frame; 0 where both are absent."""
        return ratio(self.shared, self.union)

    @cached_property
    def iou(self) -> np.ndarray:
        """(D, G) IoU over the whole video."""
        return ratio(self.shared.sum(axis=0), self.union.sum(axis=0))

    @property
    def scores(self) -> np.ndarray:
        """(D,) scores of the results."""
        return np.array([result.score for result in self.results], float)

    @property
    def crowd(self) -> np.ndarray:
        """(G,) bool, True for crowd objects."""
        return np.array([item.ignore for item in self.objects], bool)


def by_video(
    pairings: Iterable[Pairing], category_ids: Sequence[int | str]
) -> Iterator[VideoOverlap]:
    """Joins the categories of a video.

    Args:
        pairings: In rising order of video id.
        category_ids: Of the K categories that are evaluated; [-1] when they are taken as one.

    Yields:
        One after the other, since the overlaps of all videos together would take much memory.
    """
    position = {category: k for k, category in enumerate(category_ids)}
    for video_id, group in groupby(pairings, key=lambda pairing: pairing.video_id):
        parts = list(group)
        yield VideoOverlap(
            video_id,
            parts,
            [item for part in parts for item in part.objects],
            [result for part in parts for result in part.results],
            _repeated([(position[part.category_id], len(part.objects)) for part in parts]),
            _repeated([(position[part.category_id], len(part.results)) for part in parts]),
        )


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotients, 0 where the divisor is.

    Args:
        above: Dividends.
        below: Divisors, of the same shape.

    Returns:
        float64.
    """
    return np.divide(above, below, out=np.zeros(below.shape), where=below > 0)


def _areas(tubes: list[Tube], length: int) -> np.ndarray:
    if not tubes:
        return np.zeros((length, 0), np.int64)
    return np.stack([tube.areas for tube in tubes], axis=1)


def _repeated(counts: list[tuple[int, int]]) -> np.ndarray:
    values, times = np.array(counts, np.int64).reshape(-1, 2).T
    return np.repeat(values, times)
