"""What there is to draw: tracks from predictions, results files and annotations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as mask_api

from mmtmt.structures.rle import decode_mask
from mmtmt.structures.tubes import Tube


@dataclass(frozen=True)
class Track:
    """One object through a video.

    Attributes:
        track_id: Number shown beside the name; the colour follows from it.
        name: Name of the category.
        tube: One compressed RLE or None per frame.
        score: Confidence; None for ground truth.
    """

    track_id: int
    name: str
    tube: Tube
    score: float | None = None

    @property
    def label(self) -> str:
        """The text beside the object."""
        name = self.name.replace('_', ' ')
        score = '' if self.score is None else f' {self.score:.2f}'
        return f'{self.track_id} {name}{score}'

    def mask(self, frame: int) -> np.ndarray | None:
        """The mask in a frame.

        Args:
            frame: Number of the frame.

        Returns:
            (H, W) bool, or None where the object is absent.
        """
        rle = self.tube[frame]
        return None if rle is None else decode_mask(rle['counts'], *rle['size']).astype(bool)


def tracks_from_prediction(
    scores: Sequence[float],
    labels: Sequence[int],
    tubes: Sequence[Tube],
    names: Sequence[str],
    *,
    min_score: float = 0.3,
    max_overlap: float = 0.5,
) -> list[Track]:
    """The predictions worth showing, best first, numbered from 1.

    A model ranks pairs of object and category for the sake of average precision, so one object may
    come several times; the best of them is shown.

    Args:
        scores: M confidences.
        labels: M positions in ``names``.
        tubes: M tubes.
        names: Names of the categories.
        min_score: Predictions below are left out.
        max_overlap: Predictions that overlap a better one by more than this IoU over the whole
            video are left out.

    Returns:
        The tracks.
    """
    kept: list[int] = []
    for i in np.argsort([-float(score) for score in scores], kind='stable').tolist():
        if float(scores[i]) < min_score or not any(tubes[i]):
            continue
        if all(tube_overlap(tubes[i], tubes[j]) <= max_overlap for j in kept):
            kept.append(i)
    return [
        Track(number, names[int(labels[i])], tubes[i], float(scores[i]))
        for number, i in enumerate(kept, start=1)
    ]


def tube_overlap(tube_a: Tube, tube_b: Tube) -> float:
    """IoU of two tubes over the whole video.

    Args:
        tube_a: One compressed RLE or None per frame.
        tube_b: The same of another object of the video.

    Returns:
        Between 0 and 1; 0 for two empty tubes.
    """
    intersection = union = 0
    for pair in zip(tube_a, tube_b, strict=True):
        present = [rle for rle in pair if rle is not None]
        if len(present) == 2:
            intersection += int(mask_api.area(mask_api.merge(present, intersect=True)))
        if present:
            union += int(mask_api.area(mask_api.merge(present)))
    return intersection / union if union else 0.0


def share_numbers(
    reference: Sequence[Track], tracks: Sequence[Track], *, min_overlap: float = 0.5
) -> list[Track]:
    """Give tracks the numbers, and so the colours, of the tracks of another model that they cover.

    Pairs are made greedily, the largest overlap first; what has no partner gets a number that the
    reference doesn't use.

    Args:
        reference: Tracks of a video.
        tracks: Other tracks of the same video.
        min_overlap: IoU over the whole video that makes a pair.

    Returns:
        ``tracks`` in their order, renumbered.
    """
    overlaps = sorted(
        (
            (tube_overlap(one.tube, other.tube), i, j)
            for i, one in enumerate(reference)
            for j, other in enumerate(tracks)
        ),
        reverse=True,
    )
    partners: dict[int, int] = {}
    for overlap, i, j in overlaps:
        if overlap >= min_overlap and j not in partners and i not in partners.values():
            partners[j] = i
    unused = itertools.count(1 + max((track.track_id for track in reference), default=0))
    return [
        replace(track, track_id=reference[partners[j]].track_id if j in partners else next(unused))
        for j, track in enumerate(tracks)
    ]
