"""What is compared: the masks of one object or result over a video, and the results as a whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from mmtmt.structures.packed_tube import PackedTube


@dataclass(frozen=True)
class Video:
    """What the evaluation needs to know of a video."""

    id: int | str
    height: int
    width: int
    length: int


@dataclass(frozen=True, eq=False, slots=True)
class Tube:
    """One object's or result's masks over a video of T frames.

    Attributes:
        index: position in the file's list of annotations or results.
        video_id: id of its video.
        category_id: id of its category.
        masks: compressed RLE of every frame, ``masks.rle(t)``; none where it is absent.
        areas: (T,) int64, pixels in each frame.
        area: mean over the frames where it is visible, in pixels: for ground truth of the file's
            ``areas`` when it has any.
        score: confidence of a result; 1 for ground truth.
        ignore: True for crowd ground truth.
        id: the annotation's ``id``; None for results.
        shared: (G,) int64, pixels that a result has in common with each of the G objects of its
            video and category; None for ground truth.
        occlusion: the annotation's ``occlusion``, which OVIS has: a word or None per frame.
    """

    index: int
    video_id: int | str
    category_id: int
    masks: PackedTube
    areas: np.ndarray
    area: float
    score: float = 1.0
    ignore: bool = False
    id: int | str | None = None
    shared: np.ndarray | None = None
    occlusion: tuple[str | None, ...] | None = None


# The official evaluator looks at no more results of a video and category.
MAX_RESULTS = 100

TubesByGroup = dict[tuple[int | str, int], list[Tube]]


@dataclass
class LeftOut:
    """Parts of masks that can't be read as any pixels, and so were left out.

    Attributes:
        counts: Per kind, see `mmtmt.structures.rle.count_left_out`, how many.
        first: Per kind the entry and frame of the first one.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, frames: list[tuple[int, Counter[str]]]) -> None:
        """Takes down what was left out of an entry.

        Args:
            where: The entry.
            frames: Pairs of a frame and what was left out of it.
        """
        for frame, counts in frames:
            self.counts += counts
            for kind in counts:
                self.first.setdefault(kind, f'{where}, segmentations[{frame}]')


@dataclass
class GroundTruth:
    """Videos, categories and, per (video id, category id), the annotated tubes in the order of the
    file; what of their masks was left out."""

    videos: dict[int | str, Video]
    category_names: dict[int, str]
    tubes: TubesByGroup = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def category_ids(self) -> list[int]:
        return sorted(self.category_names)


@dataclass
class Results:
    """Per (video id, category id) the predicted tubes in the order of the file, the ground truth
    that they were read for, and what of their masks was left out."""

    truth: GroundTruth
    tubes: TubesByGroup = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)


def mean_area(areas: np.ndarray) -> float:
    """Mean of the areas that are not 0, the way the official evaluator has it; 0 without any."""
    visible = areas[areas != 0]
    return float(visible.mean()) if len(visible) else 0.0
