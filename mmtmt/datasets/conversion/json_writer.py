"""What writers of json files of annotations have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmtmt.taxonomy import Vocabulary
from mmtmt.utils.output import JsonParts

from .categories import CategoryIds, FreeIds
from .video import AnnotatedTrack, AnnotatedVideo, AnnotationWriter, ConversionError


class JsonWriter(AnnotationWriter):
    """Writes annotations to a json file as they come, and the lists of all else at the end.

    Args:
        out: The json file.
        vocabulary: The categories; None takes names as they come, with ids from 1.
        annotated: Whether there are annotations at all.
        overwrite: Whether a file that is there may be replaced.
    """

    def __init__(
        self,
        *,
        out: str | Path,
        vocabulary: Vocabulary | None = None,
        annotated: bool = True,
        overwrite: bool = False,
    ) -> None:
        super().__init__()
        self.annotated = annotated
        self._categories = CategoryIds(vocabulary)
        self._videos: list[dict[str, Any]] = []
        self._video_ids = FreeIds()
        self._json = JsonParts(out, 'annotations' if annotated else None, overwrite=overwrite)

    def category_id(self, track: AnnotatedTrack, video: AnnotatedVideo) -> int:
        """The id of an object's category.

        Args:
            track: The object.
            video: Its video.

        Returns:
            The id.

        Raises:
            ConversionError: If the vocabulary has no such category.
        """
        try:
            return self._categories.id_of(track.category)
        except ValueError as error:
            raise ConversionError(f'video {video.name!r}: {error}') from error

    def finish(self) -> None:
        """Write the rest, see `AnnotationWriter.finish`."""
        self._json.finish(**self.lists(), categories=self._categories.to_json())

    def lists(self) -> dict[str, list]:
        """What the file holds beside annotations and categories.

        Returns:
            Lists by their keys.
        """
        return {'videos': self._videos}

    def discard(self) -> None:
        """Remove what was written."""
        self._json.discard()
