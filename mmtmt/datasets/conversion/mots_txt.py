"""MOTS as text: a line ``frame id class height width rle`` per object and frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pycocotools import mask as mask_api

from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS
from mmtmt.structures.images import read_size
from mmtmt.structures.rle import check_counts, check_frame_size
from mmtmt.structures.tubes import Tube

from .files import count_other_videos, list_files, list_frames
from .mots import BASE, IGNORE, LABELS, MOTSWriter, ignored_regions, make_track, read_classes
from .video import OTHER_VIDEOS, AnnotatedVideo, AnnotationReader, ConversionError


@ANNOTATION_READERS.register_module(name='mots-txt')
class MOTSTextReader(AnnotationReader):
    """Reads ``SOURCE/VIDEO.txt`` beside ``FRAMES/VIDEO/*``.

    A line's frame is the image whose name is that number. All images count as annotated.

    Args:
        source: Folder of the text files (``instances_txt``).
        frames: Folder of the frames.
        videos: Names of the videos to take; None takes all.
        classes: Names of the classes 1, 2, ...; None reads ``SOURCE/labels.txt``, else takes
            those of MOTS.

    Raises:
        ConversionError: If there is no such file.
    """

    def __init__(
        self,
        *,
        source: str | Path,
        frames: str | Path,
        videos: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.source, self.frames = Path(source), Path(frames)
        files = [path for path in list_files(self.source, {'.txt'}) if path.name != LABELS]
        self._files = {path.stem: path for path in files}
        if videos is not None:
            missing = [name for name in videos if name not in self._files]
            if missing:
                raise ConversionError(f'{source}: there is no file {missing[0]}.txt')
            self._files = {name: self._files[name] for name in videos}
        if not self._files:
            raise ConversionError(f'{source}: expected one text file per video, got none')
        if videos is None:
            self.notes[OTHER_VIDEOS] += count_other_videos(self.frames, self._files)
        self.vocabulary = read_classes(self.source, classes)

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self._files)

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`.

        Yields:
            One after the other.

        Raises:
            ConversionError: If a line can't be read, or doesn't fit the frames.
        """
        for name, path in self._files.items():
            frames = list_frames(self.frames, name)
            numbers = {int(f.stem): i for i, f in enumerate(frames) if f.stem.isdecimal()}
            if len(numbers) < len(frames):
                raise ConversionError(
                    f'{self.frames / name}: expected frames whose names are different numbers'
                )
            height, width = read_size(frames[0])
            tubes: dict[int, Tube] = {}
            with open(path, encoding='utf-8', errors='replace') as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        self._read_line(line, (height, width), numbers, tubes, f'{path}:{number}')
            ignored = tubes.pop(IGNORE, None)
            yield AnnotatedVideo(
                name,
                height,
                width,
                [frame.relative_to(self.frames).as_posix() for frame in frames],
                [
                    make_track(number, tube, self.vocabulary, str(path))
                    for number, tube in sorted(tubes.items())
                ]
                + ([] if ignored is None else ignored_regions(ignored, self.vocabulary)),
            )

    def _read_line(
        self,
        line: str,
        size: tuple[int, int],
        numbers: dict[int, int],
        tubes: dict[int, Tube],
        where: str,
    ) -> None:
        parts = line.split()
        if len(parts) != 6 or not all(part.isascii() and part.isdecimal() for part in parts[:5]):
            raise ConversionError(
                f'{where}: expected "frame id class height width rle", got {line.strip()!r:.80}'
            )
        if any(len(part) > 9 for part in parts[:5]):
            raise ConversionError(f'{where}: expected smaller numbers, got {line.strip()!r:.80}')
        time, object_id, class_id, *line_size = map(int, parts[:5])
        if tuple(line_size) != size:
            raise ConversionError(
                f'{where}: expected masks of the size of the frames, {size[0]} x {size[1]} '
                f'(height x width), got {line_size[0]} x {line_size[1]}'
            )
        if time not in numbers:
            raise ConversionError(f'{where}: there is no frame with the number {time}')
        if object_id // BASE != class_id:
            raise ConversionError(f'{where}: object {object_id} is not of class {class_id}')
        counts = parts[5].encode('ascii', errors='replace')
        try:
            check_frame_size(*size)
            check_counts(counts, *size)
        except ValueError as error:
            raise ConversionError(f'{where}: {error}') from error
        tube = tubes.setdefault(object_id, [None] * len(numbers))
        frame = numbers[time]
        rle = {'size': list(size), 'counts': counts}
        if tube[frame] is not None:
            if object_id != IGNORE:
                raise ConversionError(f'{where}: object {object_id} stands twice in frame {time}')
            rle = mask_api.merge([tube[frame], rle])
        if mask_api.area(rle):
            tube[frame] = rle


@ANNOTATION_WRITERS.register_module(name='mots-txt')
class MOTSTextWriter(MOTSWriter):
    """Writes ``OUT/VIDEO.txt`` and ``OUT/labels.txt``, see `MOTSWriter`.

    Frames are numbered as their files are where the names are numbers, else from 0.
    """

    made = r'.+\.txt'

    def write(self, video: AnnotatedVideo) -> None:
        """Write a video, see `AnnotationWriter.write`."""
        path = self.folder / f'{video.name}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            for frame, (stem, labels) in enumerate(self.label_images(video)):
                time = int(stem) if stem.isdecimal() else frame
                for number in np.unique(labels[labels > 0]).tolist():
                    mask = np.asfortranarray(labels == number, dtype=np.uint8)
                    counts = mask_api.encode(mask)['counts'].decode('ascii')
                    file.write(
                        f'{time} {number} {number // BASE} {video.height} {video.width} {counts}\n'
                    )
