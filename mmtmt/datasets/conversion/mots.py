"""What the two forms of MOTS, label images and text files, have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmtmt.structures.rle import decode_mask
from mmtmt.structures.tubes import Tube
from mmtmt.taxonomy import Vocabulary

from .label_images import FlatWriter
from .video import AnnotatedTrack, AnnotatedVideo, ConversionError

BASE = 1000
"""An object's number is that of its class times this, plus its own."""
IGNORE_CLASS = 10
IGNORE = IGNORE_CLASS * BASE
"""Number of regions that belong to no object and are to be ignored."""
CLASSES = ('car', 'pedestrian')
LABELS = 'labels.txt'


def read_classes(source: Path, classes: Sequence[str] | None) -> Vocabulary:
    """The classes of a set, with the numbers 1, 2, ...

    Args:
        source: Folder of the annotations; its ``labels.txt``, a name a line, counts if there is
            one.
        classes: Names in place of that; None takes the file, else those of MOTS.

    Returns:
        The vocabulary.

    Raises:
        ConversionError: If there are more than can be told from regions to ignore.
    """
    path = source / LABELS
    if classes is None:
        classes = CLASSES
        if path.is_file():
            lines = path.read_text(encoding='utf-8').splitlines()
            classes = [line.strip() for line in lines if line.strip()]
    if not 1 <= len(classes) < IGNORE_CLASS:
        raise ConversionError(
            f'{source}: expected 1 to {IGNORE_CLASS - 1} classes, got {len(classes)}'
        )
    return Vocabulary.from_names('mots', classes, str(path))


def make_track(number: int, tube: Tube, vocabulary: Vocabulary, where: str) -> AnnotatedTrack:
    """Make a track of an object's number.

    Args:
        number: Class times 1000 plus the object's own number.
        tube: Its masks.
        vocabulary: The classes.
        where: What to call the place in errors.

    Returns:
        The track.

    Raises:
        ConversionError: If there is no such class.
    """
    class_id = number // BASE
    if class_id not in vocabulary.ids:
        raise ConversionError(
            f'{where}: expected an object of class 1 to {len(vocabulary)} '
            f'({", ".join(vocabulary.names)}), got number {number}; --classes names others'
        )
    return AnnotatedTrack(vocabulary.names[class_id - 1], tube, number)


def ignored_regions(tube: Tube, vocabulary: Vocabulary) -> list[AnnotatedTrack]:
    """Regions to ignore as crowds, one for each class: they may hold objects of any.

    Args:
        tube: The masks.
        vocabulary: The classes.

    Returns:
        The tracks.
    """
    return [
        AnnotatedTrack(name, tube, IGNORE + number, iscrowd=True)
        for number, name in enumerate(vocabulary.names, 1)
    ]


class MOTSWriter(FlatWriter):
    """What the writers of both forms share: numbers by class, and regions to ignore.

    Args:
        out: The folder.
        vocabulary: The categories in the order of their numbers; None, or more than can be
            numbered, takes names as they come.
        annotated: Whether there are annotations at all.
        overwrite: Whether a folder that is there may be replaced.
        overlap: What to do about pixels of several objects, see `FlatWriter`.
    """

    largest = BASE - 1

    def __init__(
        self,
        *,
        out: str | Path,
        vocabulary: Vocabulary | None = None,
        annotated: bool = True,
        overwrite: bool = False,
        overlap: str = 'refuse',
    ) -> None:
        super().__init__(out=out, annotated=annotated, overwrite=overwrite, overlap=overlap)
        # Of a vocabulary that is too long, those that come up may still be few enough.
        fits = vocabulary is not None and len(vocabulary) < IGNORE_CLASS
        self.classes = list(vocabulary.names) if fits else []

    def label_images(self, video: AnnotatedVideo) -> Iterator[tuple[str, np.ndarray]]:
        """Make the label images of a video; crowds become one region to ignore.

        Args:
            video: The video.

        Yields:
            Name of the frame's file without its ending, and (H, W) uint16.
        """
        crowds = [track.tube for track in video.tracks if track.iscrowd]
        objects = [
            replace(track, track_id=track.track_id % BASE)
            for track in video.tracks
            if not track.iscrowd
        ]
        numbers = self.number(
            replace(video, tracks=objects), lambda track: BASE * self._class(track, video)
        )
        for frame, name in enumerate(video.file_names):
            labels = self.paint(video, numbers, frame)
            for tube in crowds:
                if tube[frame] is not None:
                    mask = decode_mask(tube[frame]['counts'], video.height, video.width)
                    labels[mask.astype(bool) & (labels == 0)] = IGNORE
            yield Path(name).stem, labels

    def _class(self, track: AnnotatedTrack, video: AnnotatedVideo) -> int:
        if track.category not in self.classes:
            self.classes.append(track.category)
        number = self.classes.index(track.category) + 1
        if number >= IGNORE_CLASS:
            raise ConversionError(
                f'video {video.name!r}: {track.category!r} is class {number}; this format numbers '
                f'at most {IGNORE_CLASS - 1}'
            )
        return number

    def finish(self) -> None:
        """Write the names of the classes, see `AnnotationWriter.finish`."""
        (self.folder / LABELS).write_text(
            ''.join(f'{name}\n' for name in self.classes), encoding='utf-8'
        )
        super().finish()
