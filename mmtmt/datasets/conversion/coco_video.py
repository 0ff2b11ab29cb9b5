"""COCO-video: one entry per image and one annotation per object and image, as mmdet reads it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pycocotools import mask as mask_api

from mmtmt.datasets.annotation_file import is_safe_name
from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS
from mmtmt.structures.crowd import read_crowd
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.structures.rle import check_frame_size, compress
from mmtmt.structures.tubes import tube_to_json
from mmtmt.taxonomy import Vocabulary

from .json_writer import JsonWriter
from .video import (
    AnnotatedTrack,
    AnnotatedVideo,
    AnnotationReader,
    ConversionError,
    box_of,
    checked_tube,
)


@ANNOTATION_READERS.register_module(name='coco-video')
class COCOVideoReader(AnnotationReader):
    """Reads ``videos``, ``images`` (video_id, frame_id) and ``annotations`` (instance_id).

    Args:
        source: The json file.

    Raises:
        ConversionError: If the file is not of this form.
    """

    def __init__(self, *, source: str | Path) -> None:
        super().__init__()
        self.source = str(source)
        data = read_json_stream(source)
        for key in ('videos', 'images'):
            if not isinstance(data.get(key), list) or not data[key]:
                raise ConversionError(
                    f'{source}: expected a COCO-video json with a list {key!r} that is not empty, '
                    f'got the keys {sorted(data)[:10]}'
                )
        self.annotated = data.get('annotations') is not None
        self.vocabulary = Vocabulary.from_categories(
            Path(source).stem, data.get('categories'), self.source
        )
        self._video_list = self._by_id(data['videos'], 'videos')
        self._images = self._by_id(data['images'], 'images')
        self._frames: dict[int, list[dict]] = defaultdict(list)
        for image in self._images.values():
            self._check_image(image)
            self._frames[image['video_id']].append(image)
        self._annotations: dict[int, list[dict]] = defaultdict(list)
        for index, annotation in enumerate(data.get('annotations') or ()):
            image = self._image_of(annotation, f'{self.source}: annotations[{index}]')
            self._annotations[image['video_id']].append(annotation)

    def _by_id(self, entries: list, key: str) -> dict[int, dict]:
        """Entries by their ids, which must be whole numbers and differ."""
        found: dict[int, dict] = {}
        for index, entry in enumerate(entries):
            where = f'{self.source}: {key}[{index}]'
            if not isinstance(entry, dict) or type(entry.get('id')) is not int:
                raise ConversionError(f'{where}: expected an object with an id, got {entry!r:.80}')
            if entry['id'] in found:
                raise ConversionError(f'{where}: the id {entry["id"]} stands twice')
            found[entry['id']] = entry
        return found

    def _check_image(self, image: dict[str, Any]) -> None:
        where = f'{self.source}: image {image["id"]}'
        video_id = image.get('video_id')
        if type(video_id) is not int or video_id not in self._video_list:
            raise ConversionError(f'{where}: there is no video {video_id!r:.20}')
        for key in ('height', 'width', 'frame_id'):
            if type(image.get(key)) is not int:
                raise ConversionError(f'{where}: expected a number {key!r}, got {image!r:.120}')
        name = image.get('file_name')
        if not isinstance(name, str) or not is_safe_name(name):
            raise ConversionError(f'{where}: expected a name in the folder, got {name!r:.80}')
        try:
            check_frame_size(image['height'], image['width'])
        except ValueError as error:
            raise ConversionError(f'{where}: {error}') from error

    def _image_of(self, annotation: Any, where: str) -> dict:
        if not isinstance(annotation, dict):
            raise ConversionError(f'{where}: expected an object, got {annotation!r:.80}')
        for key in ('image_id', 'instance_id', 'category_id'):
            if type(annotation.get(key)) is not int:
                raise ConversionError(
                    f'{where}: expected a number {key!r}, got {annotation.get(key)!r:.40}'
                    + (' (a COCO file of single images?)' if key == 'instance_id' else '')
                )
        if annotation['image_id'] not in self._images:
            raise ConversionError(f'{where}: there is no image {annotation["image_id"]}')
        return self._images[annotation['image_id']]

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self._video_list)

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`.

        Yields:
            One after the other.

        Raises:
            ConversionError: If the images or annotations of a video don't fit together.
        """
        for video_id, entry in self._video_list.items():
            images = sorted(self._frames.get(video_id, ()), key=lambda image: image['frame_id'])
            where = f'{self.source}: video {video_id}'
            sizes = {(image['height'], image['width']) for image in images}
            if len(sizes) != 1:
                raise ConversionError(
                    f'{where}: expected images of one size (height, width), got {sorted(sizes)}'
                )
            if len({image['frame_id'] for image in images}) < len(images):
                raise ConversionError(f'{where}: two images have one frame_id')
            ((height, width),) = sizes
            name = entry.get('name')
            yield AnnotatedVideo(
                name if isinstance(name, str) and name else str(video_id),
                height,
                width,
                [image['file_name'] for image in images],
                self._tracks(video_id, images, where),
                video_id,
            )

    def _tracks(self, video_id: int, images: list[dict], where: str) -> list[AnnotatedTrack]:
        frame_of = {image['id']: frame for frame, image in enumerate(images)}
        tracks: dict[int, AnnotatedTrack] = {}
        for annotation in self._annotations.get(video_id, ()):
            instance, frame = annotation['instance_id'], frame_of[annotation['image_id']]
            what = f'{where}, instance {instance}, image {annotation["image_id"]}'
            height, width = images[frame]['height'], images[frame]['width']
            try:
                label = self.vocabulary.index_of_id(annotation['category_id'])
                if 'segmentation' not in annotation:
                    raise ValueError('expected a segmentation, got none (a box alone, perhaps)')
                counts = compress(annotation['segmentation'], height, width)
                crowd = read_crowd(annotation)
            except ValueError as error:
                raise ConversionError(f'{what}: {error}') from error
            name = self.vocabulary.names[label]
            track = tracks.get(instance)
            if track is None:
                track = AnnotatedTrack(
                    name,
                    [None] * len(images),
                    instance,
                    crowd,
                )
                tracks[instance] = track
            if track.category != name:
                raise ConversionError(f'{what}: is {track.category!r} elsewhere, {name!r} here')
            if track.tube[frame] is not None:
                raise ConversionError(f'{what}: the instance stands twice in one image')
            track.tube[frame] = counts and {'size': [height, width], 'counts': counts}
        return [
            dataclasses.replace(
                track, tube=checked_tube(track.tube, f'{where}, instance {track.track_id}')
            )
            for track in tracks.values()
        ]


@ANNOTATION_WRITERS.register_module(name='coco-video')
class COCOVideoWriter(JsonWriter):
    """Writes what mmdet's video datasets read.

    Images and annotations are numbered from 1, and so are instances, over the whole file. Objects
    without a mask in any frame can't be said in this form.

    Args:
        **options: Of `JsonWriter`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._images: list[dict[str, Any]] = []
        self._num_annotations = self._num_instances = 0

    def write(self, video: AnnotatedVideo) -> None:
        """Write a video, see `AnnotationWriter.write`.

        Args:
            video: The video.

        Raises:
            ConversionError: If a category is unknown.
        """
        video_id = self._video_ids.take(video.video_id)
        size = {'height': video.height, 'width': video.width}
        self._videos.append({'id': video_id, 'name': video.name, **size})
        first_image = len(self._images) + 1
        for frame, name in enumerate(video.file_names):
            self._images.append(
                {
                    'id': first_image + frame,
                    'video_id': video_id,
                    'frame_id': frame,
                    'file_name': name,
                    **size,
                }
            )
        for track in video.tracks:
            if not any(track.tube):
                self.notes['objects without a mask left out'] += 1
                continue
            self._num_instances += 1
            category_id = self.category_id(track, video)
            for frame, segmentation in enumerate(tube_to_json(track.tube)):
                if segmentation is None:
                    continue
                self._num_annotations += 1
                self._json.append(
                    {
                        'id': self._num_annotations,
                        'video_id': video_id,
                        'image_id': first_image + frame,
                        'instance_id': self._num_instances,
                        'category_id': category_id,
                        'iscrowd': int(track.iscrowd),
                        'segmentation': segmentation,
                        'bbox': box_of(track.tube[frame]),
                        'area': int(mask_api.area(track.tube[frame])),
                    }
                )

    def lists(self) -> dict[str, list]:
        """See `JsonWriter.lists`."""
        return {**super().lists(), 'images': self._images}
