"""The json form of YouTube-VIS, the one that this package trains on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from mmtmt.datasets.annotation_file import (
    is_safe_name,
    load_annotation_file,
    parse_annotations,
    parse_videos,
)
from mmtmt.datasets.video_names import video_name
from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS
from mmtmt.structures.tubes import tube_to_json
from mmtmt.taxonomy import Vocabulary

from .categories import FreeIds
from .json_writer import JsonWriter
from .video import (
    AnnotatedTrack,
    AnnotatedVideo,
    AnnotationReader,
    ConversionError,
    box_of,
    checked_tube,
)


@ANNOTATION_READERS.register_module(name='ytvis')
class YouTubeVISReader(AnnotationReader):
    """Reads a file of the YouTube-VIS family; masks stay packed until their video's turn.

    Args:
        source: The json file.
        videos: Names of the videos to take, as their folders are called; None takes all.

    Raises:
        ConversionError: If a wanted video is missing.
    """

    def __init__(self, *, source: str | Path, videos: Sequence[str] | None = None) -> None:
        super().__init__()
        self.source = str(source)
        store = bytearray()
        data = load_annotation_file(source, store)
        self.annotated = data.get('annotations') is not None
        if self.annotated or 'categories' in data:
            self.vocabulary = Vocabulary.from_categories(
                Path(source).stem, data.get('categories'), self.source
            )
        self._videos = parse_videos(data, source)
        if self.annotated:
            parse_annotations(data, self._videos, self.vocabulary, source, store)
        self._store = np.frombuffer(store, np.uint8)
        if videos is not None:
            missing = set(videos) - set(self.names)
            if missing:
                raise ConversionError(f'{source}: there are no videos {sorted(missing)[:8]}')
            self._videos = {
                key: video
                for key, video in self._videos.items()
                if video_name(video['file_names']) in set(videos)
            }

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self._videos)

    @property
    def names(self) -> list[str]:
        """Names of the videos in their order; frames without a folder give several the same."""
        return [video_name(video['file_names']) for video in self._videos.values()]

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`."""
        for video_id, video in self._videos.items():
            tracks = []
            for instance in video['instances']:
                packed = instance['tube']
                packed.fetch_from(self._store)
                where = f'{self.source}: video {video_id}, annotation {instance["annotation_id"]}'
                tube = checked_tube([packed.rle(frame) for frame in range(len(packed))], where)
                packed.blob = None  # the store keeps it
                name = self.vocabulary.names[instance['label']]
                tracks.append(
                    AnnotatedTrack(name, tube, instance['annotation_id'], instance['iscrowd'])
                )
            yield AnnotatedVideo(
                video_name(video['file_names']),
                video['height'],
                video['width'],
                video['file_names'],
                tracks,
                video_id,
            )


@ANNOTATION_WRITERS.register_module(name='ytvis')
class YouTubeVISWriter(JsonWriter):
    """Writes a file of the YouTube-VIS family.

    Ids of videos and annotations are kept where they can be, else numbered from 1.

    Args:
        **options: Of `JsonWriter`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._track_ids = FreeIds()

    def write(self, video: AnnotatedVideo) -> None:
        """Write a video, see `AnnotationWriter.write`.

        Args:
            video: The video.

        Raises:
            ConversionError: If a file name leads out of the folder of frames, or a category is
                unknown.
        """
        for name in video.file_names:
            if not is_safe_name(name):
                raise ConversionError(f'video {video.name!r}: unsafe file name {name!r}')
        video_id = self._video_ids.take(video.video_id)
        self._videos.append(
            {
                'id': video_id,
                'width': video.width,
                'height': video.height,
                'length': len(video.file_names),
                'file_names': video.file_names,
            }
        )
        for track in video.tracks if self.annotated else ():
            category_id = self.category_id(track, video)
            self._json.append(
                {
                    'id': self._track_ids.take(track.track_id),
                    'video_id': video_id,
                    'category_id': category_id,
                    'iscrowd': int(track.iscrowd),
                    'width': video.width,
                    'height': video.height,
                    'length': len(track.tube),
                    'segmentations': tube_to_json(track.tube),
                    'bboxes': [rle and box_of(rle) for rle in track.tube],
                    'areas': [rle and int(mask_api.area(rle)) for rle in track.tube],
                }
            )
