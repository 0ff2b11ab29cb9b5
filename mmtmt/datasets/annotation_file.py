"""Reading and checking json files of the YouTube-VIS family.

One file per split: ``videos`` (id, height, width, file_names), ``annotations`` (id, video_id,
category_id, iscrowd, segmentations with one entry per frame) and ``categories``. What can be
derived (``length``, ``bboxes``, ``areas``) may be missing.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from mmtmt.structures.crowd import read_crowd
from mmtmt.structures.image_sets import annotation_to_tube, image_to_video
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.rle import MAX_SIDE, check_frame_size
from mmtmt.taxonomy import Vocabulary

# The parent folder, a root, a drive letter, or an end of a C string.
_UNSAFE_NAME = re.compile(r'(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:|\0')


SEQUENCES = 'BURST in its own form, which is not read; convert it to the one of YouTube-VIS'
"""What a file with ``sequences`` is."""


class AnnotationError(ValueError):
    """An annotation file is not what it has to be."""


def is_safe_name(name: str) -> bool:
    """Whether a file name, as it stands in a file, stays in the folder that it is relative to.

    Args:
        name: The name.

    Returns:
        False for empty names, absolute ones and those that name a parent folder.
    """
    return bool(name) and not _UNSAFE_NAME.search(name)


def load_annotation_file(path: str | Path, store: bytearray) -> dict[str, Any]:
    """Read a file, moving masks out of the way as they are parsed.

    Args:
        path: The json file.
        store: Buffer that takes the masks.

    Returns:
        Its content; ``segmentations`` with run-length encoded masks are `PackedTube` objects
        whose ``counts`` are in the store, ``bboxes`` and ``areas`` of tubes are left out. Where
        the list of ``bboxes`` has none for a frame, the object isn't in it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not json, not of this family, or a mask is malformed.
    """
    data = read_json_stream(path, object_pairs_hook=partial(_compact, store=store))
    if not isinstance(data.get('videos'), list):
        hint = ' (it has "images": a COCO file?)' if 'images' in data else ''
        if 'sequences' in data:
            hint = f' (it has "sequences": {SEQUENCES})'
        raise ValueError(
            f'{path}: expected a YouTube-VIS json with a list "videos", '
            f'got the keys {sorted(data)[:10]}{hint}'
        )
    return data


def load_image_file(path: str | Path, store: bytearray) -> dict[str, Any]:
    """Read a file of annotated images (COCO) as videos of one frame each.

    Args:
        path: The json file.
        store: Buffer that takes the masks, as they are parsed where the images stand before the
            annotations.

    Returns:
        Content in the form that `load_annotation_file` returns.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not json, has no images, or a mask is malformed.
    """
    sizes: dict[Any, Any] = {}

    def convert(key: str, entry: Any) -> Any:
        if key == 'images' and isinstance(entry, dict):
            entry = image_to_video(entry)
            if isinstance(entry['id'], int):
                sizes[entry['id']] = [entry['height'], entry['width']]
        elif key == 'annotations' and isinstance(entry, dict):
            entry = annotation_to_tube(entry)
            image_id = entry['video_id']
            _pack(entry, sizes.get(image_id) if isinstance(image_id, int) else None, store)
        return entry

    data = read_json_stream(path, element_hook=convert)
    if not isinstance(data.get('images'), list):
        hint = ' (it has "videos": a YouTube-VIS file?)' if 'videos' in data else ''
        raise ValueError(
            f'{path}: expected a COCO json with a list "images", '
            f'got the keys {sorted(data)[:10]}{hint}'
        )
    data['videos'] = data.pop('images')
    return data


def _compact(pairs: list[tuple[str, Any]], store: bytearray) -> dict[str, Any]:
    """Pack the tube of an annotation as soon as the parser has read it."""
    entry = dict(pairs)
    segmentations = entry.get('segmentations')
    if not isinstance(segmentations, list):
        return entry
    boxes = entry.pop('bboxes', None)
    entry.pop('areas', None)
    if isinstance(boxes, list) and len(boxes) == len(segmentations) and not all(boxes):
        # as the official readers do, which want both
        segmentations = [mask if box else None for mask, box in zip(segmentations, boxes)]
        entry['segmentations'] = segmentations
    # Polygons don't tell the size of their frame: they wait until the video is known.
    _pack(entry, next((s.get('size') for s in segmentations if isinstance(s, dict)), None), store)
    return entry


def _pack(entry: dict[str, Any], size: Any, store: bytearray) -> None:
    """Pack the tube of an annotation in place; without a proper size it waits to be refused."""
    if (
        not isinstance(size, list)
        or len(size) != 2
        or not all(type(length) is int and 0 < length <= MAX_SIDE for length in size)
    ):
        return
    try:
        entry['segmentations'] = PackedTube.pack(entry['segmentations'], *size)
    except ValueError as error:
        raise ValueError(f'annotation {entry.get("id")!r}: {error}') from error
    entry['segmentations'].move_to(store)


def parse_videos(data: dict[str, Any], path: str | Path) -> dict[int, dict[str, Any]]:
    """Check the videos of a file.

    Args:
        data: Content of the file.
        path: The file, for error messages.

    Returns:
        Per video id a dict of ``video_id``, ``height``, ``width``, ``file_names`` and an empty
        list ``instances``, in the order of the file.

    Raises:
        ValueError: If there is no video, an entry is malformed, an id stands twice, or a file name
            leaves its root.
    """
    if not data['videos']:
        raise ValueError(f'{path}: expected at least one video, got an empty list "videos"')
    videos: dict[int, dict[str, Any]] = {}
    for index, video in enumerate(data['videos']):
        where = f'{path}: videos[{index}]'
        if not isinstance(video, dict):
            raise ValueError(f'{where}: expected an object, got {video!r:.80}')
        video_id = _integer(video, 'id', where, 0)
        where = f'{path}: video {video_id}'
        if video_id in videos:
            raise ValueError(f'{where}: the id stands twice')
        names = video.get('file_names')
        if not isinstance(names, list) or not names or not all(type(n) is str for n in names):
            raise ValueError(
                f'{where}: expected file_names with at least one name, got {names!r:.80}'
            )
        for name in names:
            if not is_safe_name(name):
                raise ValueError(
                    f'{where}: expected file names inside the image folder, got {name!r:.120}'
                )
        length = video.get('length', len(names))
        if length != len(names):
            raise ValueError(
                f'{where}: length is {length!r:.20}, but there are {len(names)} file names'
            )
        height = _integer(video, 'height', where, 1, MAX_SIDE)
        width = _integer(video, 'width', where, 1, MAX_SIDE)
        try:
            check_frame_size(height, width)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error
        videos[video_id] = {
            'video_id': video_id,
            'height': height,
            'width': width,
            'file_names': names,
            'instances': [],
        }
    return videos


def parse_annotations(
    data: dict[str, Any],
    videos: dict[int, dict[str, Any]],
    vocabulary: Vocabulary,
    path: str | Path,
    store: bytearray,
) -> None:
    """Check the annotations of a file and add them to their videos.

    Args:
        data: Content of the file; ``annotations`` may be missing or null.
        videos: Videos as `parse_videos` returns them. Their ``instances`` get a dict per
            annotation: ``annotation_id``, ``label`` (index into the vocabulary), ``iscrowd`` and
            ``tube`` (`PackedTube`).
        vocabulary: Vocabulary of the file.
        path: The file, for error messages.
        store: Buffer that takes the masks.

    Raises:
        ValueError: If an annotation is malformed, its id stands twice, its video or category is
            unknown, or its tube doesn't fit the video.
    """
    annotations = data.get('annotations') or []
    if not isinstance(annotations, list):
        raise ValueError(f'{path}: expected a list "annotations", got {annotations!r:.80}')
    seen = set()
    for index, annotation in enumerate(annotations):
        where = f'{path}: annotations[{index}]'
        if not isinstance(annotation, dict):
            raise ValueError(f'{where}: expected an object, got {annotation!r:.80}')
        annotation_id = _integer(annotation, 'id', where, 0)
        where = f'{path}: annotation {annotation_id}'
        if annotation_id in seen:
            raise ValueError(f'{where}: the id stands twice')
        seen.add(annotation_id)
        video = videos.get(_integer(annotation, 'video_id', where, 0))
        if video is None:
            raise ValueError(f'{where}: there is no video {annotation["video_id"]}')
        where = f'{where} of video {video["video_id"]}'
        try:
            label = vocabulary.index_of_id(annotation.get('category_id'))
            tube = _fit_tube(annotation.get('segmentations'), video)
            crowd = read_crowd(annotation)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error
        tube.move_to(store)
        video['instances'].append(
            {
                'annotation_id': annotation_id,
                'label': label,
                'iscrowd': crowd,
                'tube': tube,
            }
        )


def _fit_tube(segmentations: Any, video: dict[str, Any]) -> PackedTube:
    """Check that a tube has the length and the size of its video."""
    num_frames, height, width = len(video['file_names']), video['height'], video['width']
    if not isinstance(segmentations, (list, PackedTube)):
        raise ValueError(f'expected a list "segmentations", got {segmentations!r:.80}')
    if len(segmentations) != num_frames:
        raise ValueError(
            f'expected one segmentation per frame of the video, {num_frames}, '
            f'got {len(segmentations)}'
        )
    if isinstance(segmentations, list):
        return PackedTube.pack(segmentations, height, width)
    if (segmentations.height, segmentations.width) != (height, width):
        raise ValueError(
            f'expected masks of the size of the video, {height} x {width} (height x width), '
            f'got {segmentations.height} x {segmentations.width}'
        )
    return segmentations


def _integer(
    entry: dict[str, Any], key: str, where: str, smallest: int, largest: int | None = None
) -> int:
    """Read an integer of an entry within limits."""
    value = entry.get(key)
    if type(value) is not int or value < smallest or (largest is not None and value > largest):
        limits = f'from {smallest}' + ('' if largest is None else f' to {largest}')
        raise ValueError(f'{where}: expected an integer {key!r} {limits}, got {value!r:.80}')
    return value
