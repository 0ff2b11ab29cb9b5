"""What every annotation format is read into and written from: one video with its tracks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pycocotools import mask as mask_api

from mmtmt.structures.rle import check_counts
from mmtmt.structures.tubes import Tube
from mmtmt.taxonomy import Vocabulary

# Notes that several readers make.
OTHER_FRAMES = 'frames without annotations left out'
OTHER_VIDEOS = 'videos without annotations left out'


class ConversionError(ValueError):
    """An annotation can't be read, or can't be said in the format asked for."""


@dataclass
class AnnotatedTrack:
    """One object of a video.

    Attributes:
        category: Name of its category.
        tube: One compressed RLE or None per frame.
        track_id: Its number in the source, unique within the video, from 1.
        iscrowd: Whether it marks a region of many objects, or one to be ignored.
    """

    category: str
    tube: Tube
    track_id: int
    iscrowd: bool = False


@dataclass
class AnnotatedVideo:
    """One video.

    Attributes:
        name: Name of its folder, or another that is unique in the set.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        file_names: Files of the frames, relative to the folder of all frames.
        tracks: Its objects.
        video_id: Its id in the source where that has one.
    """

    name: str
    height: int
    width: int
    file_names: list[str]
    tracks: list[AnnotatedTrack] = field(default_factory=list)
    video_id: int | None = None


class AnnotationReader(ABC):
    """Reads the videos of a set, one at a time.

    Attributes:
        vocabulary: The categories, when the source lists them; None when names come up as videos
            are read.
        annotated: Whether the source has annotations at all: those of hidden validation sets don't.
        notes: What was left out or put right, counted.
    """

    vocabulary: Vocabulary | None = None
    annotated: bool = True

    def __init__(self) -> None:
        self.notes: Counter[str] = Counter()

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of videos."""

    @abstractmethod
    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos.

        Yields:
            One after the other.
        """


class AnnotationWriter(ABC):
    """Writes the videos of a set, one at a time; nothing shows under its name until `finish`.

    Attributes:
        notes: What the format can't say, counted.
    """

    def __init__(self) -> None:
        self.notes: Counter[str] = Counter()

    @abstractmethod
    def write(self, video: AnnotatedVideo) -> None:
        """Write a video.

        Args:
            video: The video.
        """

    @abstractmethod
    def finish(self) -> None:
        """Put what was written under its name."""

    @abstractmethod
    def discard(self) -> None:
        """Remove what was written."""


def checked_tube(tube: Tube, where: str) -> Tube:
    """Make sure that every mask of a tube covers its frame, and is not empty.

    Args:
        tube: One compressed RLE or None per frame.
        where: What to call the tube in errors.

    Returns:
        The tube, with None in place of masks without a pixel.

    Raises:
        ConversionError: If an RLE is broken.
    """
    checked: Tube = []
    for frame, rle in enumerate(tube):
        if rle is not None:
            try:
                check_counts(rle['counts'], *rle['size'])
            except ValueError as error:
                raise ConversionError(f'{where}, frame {frame}: {error}') from error
            if not mask_api.area(rle):
                rle = None
        checked.append(rle)
    return checked


def box_of(rle: dict) -> list[float]:
    """Smallest box around a mask.

    Args:
        rle: A compressed RLE whose runs are known to cover its frame.

    Returns:
        Left, top, width and height in pixels.
    """
    return mask_api.toBbox(rle).tolist()
