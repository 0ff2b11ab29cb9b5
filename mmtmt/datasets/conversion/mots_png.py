"""MOTS as label images: one PNG of 16 bits per frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS
from mmtmt.structures.tubes import Tube

from .label_images import LabelImageReader
from .mots import IGNORE, MOTSWriter, ignored_regions, make_track, read_classes
from .video import AnnotatedTrack, AnnotatedVideo


@ANNOTATION_READERS.register_module(name='mots-png')
class MOTSImageReader(LabelImageReader):
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
        super().__init__(source=source, frames=frames, videos=videos)
        self.vocabulary = read_classes(self.source, classes)

    def make_tracks(self, video: str, tubes: dict[int, Tube]) -> list[AnnotatedTrack]:
        """Tell class and number apart, see `LabelImageReader.make_tracks`.

        Args:
            video: Its name.
            tubes: Per value its tube; changed.

        Returns:
            The objects, then the regions to be ignored.
        """
        ignored = tubes.pop(IGNORE, None)
        tracks = [
            make_track(number, tube, self.vocabulary, str(self.source / video))
            for number, tube in sorted(tubes.items())
        ]
        return tracks + ([] if ignored is None else ignored_regions(ignored, self.vocabulary))


@ANNOTATION_WRITERS.register_module(name='mots-png')
class MOTSImageWriter(MOTSWriter):
    """Writes ``OUT/VIDEO/FRAME.png`` of 16 bits, and ``OUT/labels.txt``, see `MOTSWriter`."""

    made = r'.+/[^/]+\.png|labels\.txt'

    def write(self, video: AnnotatedVideo) -> None:
        """Write a video, see `AnnotationWriter.write`."""
        for stem, labels in self.label_images(video):
            Image.fromarray(labels).save(self.path_of(video.name, stem))
