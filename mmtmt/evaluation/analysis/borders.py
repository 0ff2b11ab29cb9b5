"""Do results hold their objects where a long video was cut?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

HOLD_THRESHOLD = 0.5


@dataclass
class Crossings:
    """What became of objects from one frame to the next, as far as they were held in both.

    An object is held by every result that overlaps it enough.

    Attributes:
        kept: times that a result held the object in both frames.
        switched: times that it was held in both, but by no result in both.
    """

    kept: int = 0
    switched: int = 0

    def __add__(self, other: Crossings) -> Crossings:
        """Both together."""
        return Crossings(self.kept + other.kept, self.switched + other.switched)

    def __str__(self) -> str:
        """Switches of all."""
        return f'{self.switched} of {self.kept + self.switched}'


def held_through(iou: np.ndarray, threshold: float = HOLD_THRESHOLD) -> np.ndarray:
    """Whether a result holds an object from one frame to the next.

    Args:
        iou: (T, D, G) overlaps of D results with G objects per frame, 0 where one is absent.
        threshold: least overlap of a result that holds an object.

    Returns:
        (T - 1, G) bool.
    """
    held = iou >= threshold
    return (held[1:] & held[:-1]).any(axis=1)


def count_crossings(
    iou: np.ndarray,
    borders: Collection[int],
    threshold: float = HOLD_THRESHOLD,
    only: np.ndarray | None = None,
) -> tuple[Crossings, Crossings]:
    """Follows the objects of a video from frame to frame.

    Args:
        iou: (T, D, G) overlaps of D results with G objects per frame, 0 where one is absent.
        borders: frames that begin a chunk of the video.
        threshold: least overlap of a result that holds an object.
        only: (T - 1, G) bool, the steps of objects that count; None for all.

    Returns:
        Of the steps into the frames of `borders`, and of all others.
    """
    held = (iou >= threshold).any(axis=1)
    both = held[1:] & held[:-1]
    if only is not None:
        both &= only
    same = held_through(iou, threshold)
    at_border = np.isin(np.arange(1, len(iou)), list(borders))[:, None]
    return tuple(
        Crossings(int((both & same & place).sum()), int((both & ~same & place).sum()))
        for place in (at_border, ~at_border)
    )
