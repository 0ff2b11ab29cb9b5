"""From one annotation format to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .video import AnnotationReader, AnnotationWriter, ConversionError


@dataclass
class Summary:
    """What was converted.

    Attributes:
        videos: Number of videos.
        frames: Number of frames.
        tracks: Number of objects by category.
        masks: Number of masks.
        notes: What was left out or put right, counted.
    """

    videos: int = 0
    frames: int = 0
    masks: int = 0
    tracks: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """Return it as a few lines to print."""
        lines = [
            f'{self.videos} videos, {self.frames} frames, {sum(self.tracks.values())} objects, '
            f'{self.masks} masks'
        ]
        if self.tracks:
            lines.append(', '.join(f'{name}: {count}' for name, count in self.tracks.most_common()))
        lines += [f'{note}: {count}' for note, count in self.notes.items()]
        return '\n'.join(lines)


def convert(
    reader: AnnotationReader,
    writer: AnnotationWriter,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Read all videos and write them.

    One video is held at a time. The output appears under its name when it is complete; after an
    error nothing is left of it.

    Args:
        reader: Where videos come from.
        writer: Where they go.
        progress: Called with the number of finished videos and of all.

    Returns:
        What was converted.

    Raises:
        ConversionError: If there is nothing to convert, or something can't be read or written.
    """
    summary = Summary()
    try:
        for done, video in enumerate(reader.videos(), 1):
            writer.write(video)
            summary.videos += 1
            summary.frames += len(video.file_names)
            for track in video.tracks:
                summary.tracks[track.category] += 1
                summary.masks += sum(rle is not None for rle in track.tube)
            if progress is not None:
                progress(done, max(done, len(reader)))
        if not summary.videos:
            raise ConversionError('the source has no videos')
        writer.finish()
    except BaseException:
        writer.discard()
        raise
    summary.notes = reader.notes + writer.notes
    return summary
