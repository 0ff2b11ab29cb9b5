"""MOTS as label images: one PNG of 16 bits per frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS

from .files import list_files, list_frames, list_videos, match_frame, read_label_image
from .label_images import TrackCollector
from .mots import IGNORE, MOTSWriter, ignored_regions, make_track, read_classes
from .video import AnnotatedVideo, AnnotationReader, ConversionError


@ANNOTATION_READERS.register_module(name='mots-png')
class MOTSImageReader(AnnotationReader):
    """Reads ``SOURCE/VIDEO/*.png`` beside ``FRAMES/VIDEO/*``; frames without a PNG are left out.

    Args:
        source: Folder of the label images (``instances``).
        frames: Folder of the frames.
        videos: Names of the videos to take; None takes all.
        classes: Names of the classes 1, 2, ...; None reads ``SOURCE/labels.txt``, else takes
            those of MOTS.
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
        self._names = list_videos(self.source, {'.png'}, videos)
        self.vocabulary = read_classes(self.source, classes)

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self._names)

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`.

        Yields:
            One after the other.

        Raises:
            ConversionError: If a file can't be read, or doesn't fit the others.
        """
        for name in self._names:
            frames = list_frames(self.frames, name)
            labels = list_files(self.source / name, {'.png'}, self.source)
            if not labels:
                raise ConversionError(f'{self.source / name}: expected PNG files, got none')
            tracks, used = TrackCollector(len(labels)), []
            for index, path in enumerate(labels):
                used.append(match_frame(frames, path.stem, str(path)))
                tracks.add(index, read_label_image(path), str(path))
            ignored = tracks.tubes.pop(IGNORE, None)
            yield AnnotatedVideo(
                name,
                *tracks.shape,
                [path.relative_to(self.frames).as_posix() for path in used],
                [
                    make_track(number, tube, self.vocabulary, str(self.source / name))
                    for number, tube in sorted(tracks.tubes.items())
                ]
                + ([] if ignored is None else ignored_regions(ignored, self.vocabulary)),
            )


@ANNOTATION_WRITERS.register_module(name='mots-png')
class MOTSImageWriter(MOTSWriter):
    """Writes ``OUT/VIDEO/FRAME.png`` of 16 bits, and ``OUT/labels.txt``, see `MOTSWriter`."""

    def write(self, video: AnnotatedVideo) -> None:
        """Write a video, see `AnnotationWriter.write`."""
        for stem, labels in self.label_images(video):
            Image.fromarray(labels).save(self.path_of(video.name, stem))
