"""CVAT for video 1.1: an XML file per task, with tracks of boxes, polygons and masks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmtmt.registry import ANNOTATION_READERS
from mmtmt.structures.images import read_size
from mmtmt.structures.rle import MAX_SIDE, check_frame_size
from mmtmt.structures.tubes import Tube

from .cvat_xml import CVATFile, CVATShape, read_cvat_xml
from .files import count_other_videos, list_files, list_frames
from .shapes import box_rle, ellipse_rle, join, patch_rle, polygon_rle
from .video import (
    OTHER_VIDEOS,
    AnnotatedTrack,
    AnnotatedVideo,
    AnnotationReader,
    ConversionError,
)

_STEP = re.compile(r'^step\s*=\s*(\d{1,9})$')


@ANNOTATION_READERS.register_module(name='cvat')
class CVATReader(AnnotationReader):
    """Reads XML files beside ``FRAMES/VIDEO/*``.

    A file's video is the folder of frames called like the file, the task or its source. Frames of
    the task that no shape names have no objects. CVAT numbers frames as in the video that it was
    given; the folder may hold all of them, or those of the task alone. Of a task made from images,
    the numbers in their names must be padded with zeros.

    Args:
        source: An XML file, or a folder of them.
        frames: Folder of the frames.
        videos: Names of the video's folders to take; None takes all.

    Raises:
        ConversionError: If there is no XML file.
    """

    def __init__(
        self, *, source: str | Path, frames: str | Path, videos: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        source, self.frames = Path(source), Path(frames)
        files = list_files(source, {'.xml'}) if source.is_dir() else [source]
        if not files:
            raise ConversionError(f'{source}: expected XML files, got none')
        self._files = files
        self._wanted = None if videos is None else set(videos)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._files)

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`.

        Yields:
            One after the other.

        Raises:
            ConversionError: If a file can't be read, or doesn't fit the frames.
        """
        found = set()
        for path in self._files:
            content = read_cvat_xml(path)
            name = self._video_of(path, content)
            if name in found:
                raise ConversionError(f'{path}: the video {name!r} has two files')
            found.add(name)
            if self._wanted is None or name in self._wanted:
                yield self._read(path, content, name)
        if self._wanted is None:
            self.notes[OTHER_VIDEOS] += count_other_videos(self.frames, found)
        missing = (self._wanted or set()) - found
        if missing:
            raise ConversionError(f'{self.frames}: no file for the videos {sorted(missing)[:8]}')

    def _video_of(self, path: Path, content: CVATFile) -> str:
        meta = content.meta
        texts = [path.stem, meta.get('name', ''), Path(meta.get('source', '')).stem]
        names = [Path(text).name for text in texts if text]
        for name in names:
            if name not in ('', '.', '..') and (self.frames / name).is_dir():
                return name
        raise ConversionError(
            f'{path}: expected a folder of frames called {" or ".join(map(repr, names))} in '
            f'{self.frames}, got none; rename the XML file like its folder'
        )

    def _read(self, path: Path, content: CVATFile, name: str) -> AnnotatedVideo:
        frames = list_frames(self.frames, name)
        _check_order(content.meta, frames, path)
        size = read_size(frames[0])
        _check_size(content.meta, size, path)
        numbers = _frame_numbers(content.meta, len(frames), path)
        position = {number: i for i, number in enumerate(numbers)}
        tracks = []
        for track_id, track in enumerate(content.tracks, 1):
            tube: Tube = [None] * len(numbers)
            for shape in track.shapes:
                where = f'{path}:{shape.line}: <{shape.kind}> of track {track.label!r:.40}'
                try:
                    number = _whole(shape, 'frame')
                    if number not in position:
                        raise ValueError(f'frame {number} is not one of the task')
                    if shape.attributes.get('outside') == '1':
                        continue
                    rle = _shape_rle(shape, *size)
                except ValueError as error:
                    raise ConversionError(f'{where}: {error}') from error
                frame = position[number]
                tube[frame] = join(tube[frame], rle)
            tracks.append(AnnotatedTrack(track.label, tube, track_id))
        # A folder of the task's frames only is used whole; else the task's are picked.
        used = frames if len(frames) == len(numbers) else [frames[i] for i in numbers]
        self.notes['frames outside of the task left out'] += len(frames) - len(used)
        return AnnotatedVideo(
            name, *size, [frame.relative_to(self.frames).as_posix() for frame in used], tracks
        )


def _check_order(meta: dict[str, str], frames: Sequence[Path], path: Path) -> None:
    """Make sure that CVAT has numbered the frames in the order in which they are listed here.

    Of images it sorts the names as texts, unless told otherwise, and exports no name. Frames of a
    video have their numbers from the video.
    """
    if meta.get('source') or meta.get('mode') == 'interpolation':
        return
    for number, (ours, theirs) in enumerate(zip(frames, sorted(frames, key=lambda f: f.name))):
        if ours != theirs:
            raise ConversionError(
                f'{path}: made from images, of which {theirs.name!r} may be frame {number} as CVAT '
                f'sorts names, or {ours.name!r} as numbers are counted; pad the numbers with zeros '
                'before images go to CVAT, or where they were annotated already, rename those in '
                f'{frames[0].parent} to padded numbers in the order that CVAT shows'
            )


def _check_size(meta: dict[str, str], size: tuple[int, int], path: Path) -> None:
    """Make sure that shapes were drawn on frames of this size."""
    stated = [meta.get(f'original_size/{key}', '') for key in ('height', 'width')]
    if all(text.isdecimal() and len(text) < 10 for text in stated):
        if (int(stated[0]), int(stated[1])) != size:
            raise ConversionError(
                f'{path}: drawn on frames of {stated[0]} x {stated[1]} (height x width), those in '
                f'the folder have {size[0]} x {size[1]}'
            )


def _frame_numbers(meta: dict[str, str], available: int, path: Path) -> Sequence[int]:
    """Numbers of the task's frames in the video, of which so many are in the folder."""
    numbers = []
    for key in ('start_frame', 'stop_frame'):
        text = meta.get(key, '')
        numbers.append(int(text) if text.isdecimal() and len(text) < 10 else None)
    start, stop = numbers
    step = 1
    if meta.get('frame_filter'):
        found = _STEP.match(meta['frame_filter'])
        if not found or int(found[1]) < 1:
            raise ConversionError(
                f'{path}: expected a frame_filter "step=N", got {meta["frame_filter"]!r:.40}'
            )
        step = int(found[1])
    if start is None or stop is None:
        return range(available)
    task = range(start, stop + 1, step)
    if not len(task) or (available != len(task) and available <= task[-1]):
        raise ConversionError(
            f'{path}: the task has the frames {start} to {stop} in steps of {step}; expected a '
            f'folder with these {len(task)} frames or with all of the video, got {available}'
        )
    return task


def _whole(shape: CVATShape, key: str) -> int:
    """A whole number among a shape's attributes."""
    text = shape.attributes.get(key, '')
    if not (text.isascii() and text.lstrip('-').isdecimal() and len(text) < 10):
        raise ValueError(f'expected a whole number {key!r}, got {text!r:.40}')
    return int(text)


def _decimal(text: str, what: str) -> float:
    """A number in the file, within what frames can have."""
    try:
        value = float(text)
    except ValueError:
        value = float('nan')
    if not abs(value) <= 2 * MAX_SIDE:
        raise ValueError(f'expected a coordinate {what}, got {text!r:.40}')
    return value


def _shape_rle(shape: CVATShape, height: int, width: int) -> dict | None:
    """Mask of a shape."""
    attributes = shape.attributes
    if shape.kind == 'polygon':
        pairs = [point.split(',') for point in attributes.get('points', '').split(';')]
        if not all(len(pair) == 2 for pair in pairs):
            raise ValueError(f'expected points "x,y;x,y", got {attributes.get("points")!r:.60}')
        points = [[_decimal(x, 'of a point') for x in pair] for pair in pairs]
        return polygon_rle(points, height, width)
    if shape.kind == 'mask':
        left, top, w, h = (_whole(shape, key) for key in ('left', 'top', 'width', 'height'))
        return patch_rle(_patch(attributes.get('rle', ''), w, h), left, top, height, width)
    keys = ('xtl', 'ytl', 'xbr', 'ybr') if shape.kind == 'box' else ('cx', 'cy', 'rx', 'ry')
    numbers = [_decimal(attributes.get(key, ''), key) for key in keys]
    if _decimal(attributes.get('rotation', '0'), 'rotation'):
        raise ValueError('rotated shapes are not known; draw a polygon')
    fill = box_rle if shape.kind == 'box' else ellipse_rle
    return fill(*numbers, height, width)


def _patch(text: str, width: int, height: int) -> np.ndarray:
    """Decode CVAT's run lengths: row by row within the box, beginning with background."""
    check_frame_size(height, width)
    parts = [part.strip() for part in text.split(',')]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise ValueError(f'expected run lengths "3, 5, ...", got {text!r:.60}')
    runs = np.array([int(part) for part in parts], np.int64)
    if runs.sum() != width * height:
        raise ValueError(
            f'expected run lengths that cover {height} x {width} = {height * width} pixels, '
            f'got {int(runs.sum())}'
        )
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
