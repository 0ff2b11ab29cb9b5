"""What formats with one annotation file per frame have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .files import count_other_videos, frames_of_files, list_files, list_frames, list_videos
from .video import OTHER_FRAMES, OTHER_VIDEOS, AnnotationReader, ConversionError


class FrameFilesReader(AnnotationReader):
    """Reads ``SOURCE/VIDEO/*`` beside ``FRAMES/VIDEO/*``.

    Frames and videos without an annotation file are left out: they count as not annotated.

    Args:
        source: Folder of the annotation files.
        frames: Folder of the frames.
        videos: Names of the videos to take; None takes all.
    """

    suffix: str
    """Ending of the annotation files."""

    def __init__(
        self, *, source: str | Path, frames: str | Path, videos: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.source, self.frames = Path(source), Path(frames)
        self.names = list_videos(self.source, {self.suffix}, videos)
        if videos is None:
            self.notes[OTHER_VIDEOS] += count_other_videos(self.frames, self.names)

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self.names)

    def files_of(self, video: str) -> tuple[list[Path], list[Path]]:
        """Annotation files of a video and the frames that they belong to.

        Args:
            video: Its name.

        Returns:
            As many of both.

        Raises:
            ConversionError: If there is no file, or a file without a frame.
        """
        frames = list_frames(self.frames, video)
        files = list_files(self.source / video, {self.suffix}, self.source)
        if not files:
            raise ConversionError(f'{self.source / video}: expected {self.suffix} files, got none')
        self.notes[OTHER_FRAMES] += len(frames) - len(files)
        return files, frames_of_files(frames, files)

    def relative(self, frames: Sequence[Path]) -> list[str]:
        """Names of frames as json files have them.

        Args:
            frames: Files in the folder of the frames.

        Returns:
            Their paths from there.
        """
        return [path.relative_to(self.frames).as_posix() for path in frames]
