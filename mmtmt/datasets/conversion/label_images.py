"""What formats with one label image per frame have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from pycocotools import mask as mask_api

from mmtmt.datasets.annotation_file import is_safe_name
from mmtmt.structures.images import read_size
from mmtmt.structures.rle import decode_mask
from mmtmt.structures.tubes import Tube
from mmtmt.utils.output import Unfinished

from .files import read_label_image
from .frame_files import FrameFilesReader
from .video import AnnotatedTrack, AnnotatedVideo, AnnotationWriter, ConversionError

OVERLAP = ('refuse', 'first', 'last')


class TrackCollector:
    """Collects the tubes of the numbers in a video's label images.

    Args:
        num_frames: Number of frames T.

    Attributes:
        tubes: Per number its tube.
        shape: Height and width of the images.
    """

    def __init__(self, num_frames: int) -> None:
        self.num_frames = num_frames
        self.tubes: dict[int, Tube] = {}
        self.shape: tuple[int, int] | None = None

    def add(self, frame: int, labels: np.ndarray, where: str) -> None:
        """Add a frame.

        Args:
            frame: Its index.
            labels: (H, W) numbers of objects, 0 for the background.
            where: What to call it in errors.

        Raises:
            ConversionError: If its size differs from the other frames'.
        """
        height, width = labels.shape
        if self.shape is None:
            self.shape = (height, width)
        if self.shape != (height, width):
            raise ConversionError(
                f'{where}: expected {self.shape[0]} x {self.shape[1]} (height x width) as in the '
                f'first frame, got {height} x {width}'
            )
        for number in np.unique(labels).tolist():
            if number == 0:
                continue
            rle = mask_api.encode(np.asfortranarray(labels == number, dtype=np.uint8))
            tube = self.tubes.setdefault(number, [None] * self.num_frames)
            tube[frame] = {'size': [height, width], 'counts': rle['counts']}


class LabelImageReader(FrameFilesReader):
    """Reads ``SOURCE/VIDEO/*.png`` beside ``FRAMES/VIDEO/*``.

    Args:
        **options: Of `FrameFilesReader`.
    """

    suffix = '.png'

    @abstractmethod
    def make_tracks(self, video: str, tubes: dict[int, Tube]) -> list[AnnotatedTrack]:
        """Say what the numbers of a video stand for.

        Args:
            video: Its name.
            tubes: Per number its tube; may be changed.

        Returns:
            The objects.

        Raises:
            ConversionError: If a number stands for nothing.
        """

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`.

        Yields:
            One after the other.

        Raises:
            ConversionError: If a file can't be read, or doesn't fit the others.
        """
        for name in self.names:
            labels, frames = self.files_of(name)
            collected = TrackCollector(len(labels))
            for index, path in enumerate(labels):
                collected.add(index, read_label_image(path), str(path))
            size = read_size(frames[0])
            if size != collected.shape:
                raise ConversionError(
                    f'{labels[0]}: expected {size[0]} x {size[1]} (height x width) as its frame '
                    f'{frames[0]}, got {collected.shape[0]} x {collected.shape[1]}'
                )
            tracks = self.make_tracks(name, collected.tubes)
            yield AnnotatedVideo(name, *collected.shape, self.relative(frames), tracks)


class FlatWriter(AnnotationWriter):
    """Writes a folder per video, in formats where a pixel belongs to one object at most.

    Args:
        out: The folder.
        annotated: Whether there are annotations at all.
        overwrite: Whether a folder that is there may be replaced.
        overlap: What to do about pixels of several objects: ``'refuse'``, or give them to the
            ``'first'`` or ``'last'`` object in the order of the file.

    Raises:
        ConversionError: If there are no annotations, or the choice is none of these.
    """

    largest: int
    """The largest number of an object."""
    made: str
    """Regular expression for the paths of what it writes, see `Unfinished`."""

    def __init__(
        self, *, out: str | Path, annotated: bool, overwrite: bool, overlap: str = 'refuse'
    ) -> None:
        super().__init__()
        if overlap not in OVERLAP:
            raise ConversionError(f'overlap: expected one of {OVERLAP}, got {overlap!r}')
        if not annotated:
            raise ConversionError(f'{out}: the source has no annotations to write')
        self.overlap = overlap
        self._unfinished = Unfinished(out, overwrite=overwrite, made=self.made)
        self.folder = self._unfinished.temporary
        self.folder.mkdir()
        self._videos: set[str] = set()

    def number(
        self, video: AnnotatedVideo, first: Callable[[AnnotatedTrack], int] | None = None
    ) -> dict[int, AnnotatedTrack]:
        """Number the objects of a video, keeping their ids where they fit.

        Args:
            video: The video.
            first: Gives each track what its number is added to; None for 0.

        Returns:
            Tracks by their numbers; crowds and objects without a mask are left out and noted.

        Raises:
            ConversionError: If a name can't be used for files, or there are too many objects.
        """
        if video.name in self._videos:
            raise ConversionError(f'video {video.name!r}: the name stands twice')
        self._videos.add(video.name)
        stems = {Path(name).stem for name in video.file_names}
        if not is_safe_name(video.name) or len(stems) < len(video.file_names):
            raise ConversionError(
                f'video {video.name!r}: expected names of video and frames that can name files'
            )
        tracks = []
        for track in video.tracks:
            if track.iscrowd:
                self.notes['crowds left out'] += 1
            elif not any(track.tube):
                self.notes['objects without a mask left out'] += 1
            else:
                tracks.append(track)
        ids = [track.track_id for track in tracks]
        if len(set(ids)) < len(ids) or not all(1 <= i <= self.largest for i in ids):
            ids = list(range(1, len(tracks) + 1))
        if len(tracks) > self.largest:
            raise ConversionError(
                f'video {video.name!r}: expected at most {self.largest} objects, got {len(tracks)}'
            )
        return {
            (first(track) if first else 0) + number: track for number, track in zip(ids, tracks)
        }

    def paint(
        self, video: AnnotatedVideo, numbers: Mapping[int, AnnotatedTrack], frame: int
    ) -> np.ndarray:
        """Make the label image of a frame.

        Args:
            video: The video.
            numbers: Tracks by their numbers.
            frame: Index of the frame.

        Returns:
            (H, W) uint16.

        Raises:
            ConversionError: If objects overlap, unless that is wanted.
        """
        labels = np.zeros((video.height, video.width), np.uint16)
        for number, track in numbers.items():
            rle = track.tube[frame]
            if rle is None:
                continue
            mask = decode_mask(rle['counts'], video.height, video.width).astype(bool)
            taken = mask & (labels > 0)
            if taken.any():
                if self.overlap == 'refuse':
                    raise ConversionError(
                        f'video {video.name!r}, {video.file_names[frame]}: objects '
                        f'{int(labels[taken][0])} and {number} overlap in {int(taken.sum())} '
                        'pixels, which this format cannot say; --overlap first or last decides'
                    )
                self.notes['masks cut where they overlap'] += 1
                if self.overlap == 'first':
                    mask &= ~taken
            labels[mask] = number
        return labels

    def path_of(self, video: str, stem: str) -> Path:
        """Where the label image of a frame goes; its folder is made.

        Args:
            video: Name of the video.
            stem: Name of the frame's file without its ending.

        Returns:
            The path of a PNG file.
        """
        path = self.folder / video / f'{stem}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def finish(self) -> None:
        """Give the folder its name, see `AnnotationWriter.finish`."""
        self._unfinished.finish()

    def discard(self) -> None:
        """Remove what was written."""
        self._unfinished.discard()
