"""DAVIS and YouTube-VOS: one PNG with a palette per frame, whose values number the objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.structures.tubes import Tube
from mmtmt.taxonomy import Vocabulary

from .label_images import FlatWriter, LabelImageReader
from .video import AnnotatedTrack, AnnotatedVideo, ConversionError

META = 'meta.json'
VOID = 255


@ANNOTATION_READERS.register_module(name='davis')
class DAVISReader(LabelImageReader):
    """Reads ``SOURCE/VIDEO/*.png`` beside ``FRAMES/VIDEO/*.jpg``.

    Frames without a PNG are left out: they count as not annotated. The categories of objects come
    from a ``meta.json`` of YouTube-VOS's form in the source (or the folder above), else all objects
    are of one category.

    Args:
        source: Folder of the label images.
        frames: Folder of the frames.
        videos: Names of the videos to take; None takes all.
        category: Name of the category of all objects, where there is no ``meta.json``.
        void: Value of pixels that belong to no object and are to be ignored.
    """

    def __init__(
        self,
        *,
        source: str | Path,
        frames: str | Path,
        videos: Sequence[str] | None = None,
        category: str = 'object',
        void: int = VOID,
    ) -> None:
        super().__init__(source=source, frames=frames, videos=videos)
        self.category, self.void = category, void
        places = (self.source / META, self.source.parent / META)
        self._meta = next((path for path in places if path.is_file()), None)
        self._objects = {} if self._meta is None else _read_meta(self._meta)

    def make_tracks(self, video: str, tubes: dict[int, Tube]) -> list[AnnotatedTrack]:
        """Look up the categories, see `LabelImageReader.make_tracks`.

        Args:
            video: Its name.
            tubes: Per number its tube; changed.

        Returns:
            The objects.

        Raises:
            ConversionError: If an object has no category, or all are taken for void.
        """
        void = tubes.pop(self.void, None)
        self.notes['masks of pixels to be ignored left out'] += sum(map(bool, void or ()))
        if void is not None and not tubes:
            raise ConversionError(
                f'{self.source / video}: every pixel is 0 or {self.void}, which stands for '
                '"ignore"; if it marks an object, choose another --void'
            )
        return [
            AnnotatedTrack(self._category(video, number), tube, number)
            for number, tube in sorted(tubes.items())
        ]

    def _category(self, video: str, number: int) -> str:
        if self._meta is None:
            return self.category
        entry: Any = self._objects
        try:
            category = entry[video]['objects'][str(number)]['category']
        except (KeyError, TypeError):
            category = None
        if not isinstance(category, str):
            raise ConversionError(
                f'{self._meta}: expected a category for object {number} of video {video!r}'
            )
        return category


def _read_meta(path: Path) -> dict[str, Any]:
    """The ``videos`` of a file of YouTube-VOS's form."""
    videos = read_json_stream(path).get('videos')
    if not isinstance(videos, dict):
        raise ConversionError(
            f'{path}: expected {{"videos": {{NAME: {{"objects": {{"1": {{"category": …}}}}}}}}}}'
        )
    return videos


@ANNOTATION_WRITERS.register_module(name='davis')
class DAVISWriter(FlatWriter):
    """Writes ``OUT/VIDEO/FRAME.png`` with a palette, and ``OUT/meta.json`` with the categories.

    Args:
        out: The folder.
        vocabulary: Not needed: names are written as they are.
        annotated: Whether there are annotations at all.
        overwrite: Whether a folder that is there may be replaced.
        overlap: What to do about pixels of several objects, see `FlatWriter`.
    """

    largest = VOID - 1
    made = r'.+/[^/]+\.png|meta\.json'

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
        self._meta: dict[str, Any] = {}

    def write(self, video: AnnotatedVideo) -> None:
        """Write a video, see `AnnotationWriter.write`."""
        numbers = self.number(video)
        stems = [Path(name).stem for name in video.file_names]
        self._meta[video.name] = {
            'objects': {
                str(number): {
                    'category': track.category,
                    'frames': [stem for stem, rle in zip(stems, track.tube) if rle],
                }
                for number, track in numbers.items()
            }
        }
        for frame, stem in enumerate(stems):
            labels = self.paint(video, numbers, frame)
            image = Image.fromarray(labels.astype(np.uint8)).convert('P')
            image.putpalette(_palette())
            path = self.path_of(video.name, stem)
            image.save(path)

    def finish(self) -> None:
        """Write the rest, see `AnnotationWriter.finish`."""
        (self.folder / META).write_text(
            json.dumps({'videos': self._meta}, indent=1), encoding='utf-8'
        )
        super().finish()


def _palette() -> list[int]:
    """The colours of PASCAL VOC, which DAVIS uses: the bits of a number, spread over channels."""
    colors = []
    for number in range(256):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= ((number >> (3 * bit + channel)) & 1) << (7 - bit)
        colors += channels
    return colors
