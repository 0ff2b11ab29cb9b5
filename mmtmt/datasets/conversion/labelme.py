"""LabelMe: one json file per frame with shapes that have a label and a group."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmtmt.registry import ANNOTATION_READERS
from mmtmt.structures.images import read_size
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.structures.rle import MAX_PIXELS
from mmtmt.structures.tubes import Tube
from mmtmt.taxonomy.vocabulary import canonical_key

from .frame_files import FrameFilesReader
from .shapes import box_rle, ellipse_rle, join, patch_rle, polygon_rle
from .video import AnnotatedTrack, AnnotatedVideo, ConversionError


@ANNOTATION_READERS.register_module(name='labelme')
class LabelMeReader(FrameFilesReader):
    """Reads ``SOURCE/VIDEO/*.json`` beside ``FRAMES/VIDEO/*.jpg``.

    Frames without a json file are left out: they count as not annotated. Shapes of one label and
    group id are one object, in all frames of the video. Without a group id, the label alone says
    which object it is, and must then be unique in each frame. Labels are compared as names of
    categories are, and called as they are spelt first.

    Args:
        source: Folder of the json files.
        frames: Folder of the frames, often the same.
        videos: Names of the videos to take; None takes all.
    """

    suffix = '.json'

    def videos(self) -> Iterator[AnnotatedVideo]:
        """Read the videos, see `AnnotationReader.videos`.

        Yields:
            One after the other.

        Raises:
            ConversionError: If a file can't be read, or doesn't fit the frames.
        """
        spellings: dict[str, str] = {}
        for name in self.names:
            files, used = self.files_of(name)
            size = read_size(used[0])
            objects: dict[tuple[str, str | None], Tube] = {}
            for index, path in enumerate(files):
                masks = _read_frame(path, size, spellings)
                for key, rle in masks.items():
                    objects.setdefault(key, [None] * len(files))[index] = rle
            yield AnnotatedVideo(
                name,
                *size,
                self.relative(used),
                [
                    AnnotatedTrack(spellings[label], tube, number)
                    for number, ((label, _), tube) in enumerate(objects.items(), 1)
                ],
            )


def _read_frame(
    path: Path, size: tuple[int, int], spellings: dict[str, str]
) -> dict[tuple[str, str | None], dict]:
    """Masks of a frame by key of the label and group; first spellings of labels are noted."""
    try:
        data = read_json_stream(path)
    except ValueError as error:
        raise ConversionError(str(error)) from error
    shapes = data.get('shapes')
    if not isinstance(shapes, list):
        raise ConversionError(f'{path}: expected a LabelMe file with a list "shapes"')
    stated = (data.get('imageHeight'), data.get('imageWidth'))
    if stated != (None, None) and stated != size:
        raise ConversionError(
            f'{path}: drawn on an image of {stated[0]!r:.20} x {stated[1]!r:.20} '
            f'(height x width), the frame has {size[0]} x {size[1]}'
        )
    masks: dict[tuple[str, str | None], dict] = {}
    for index, shape in enumerate(shapes):
        where = f'{path}: shapes[{index}]'
        if not isinstance(shape, dict) or not isinstance(shape.get('label'), str):
            raise ConversionError(f'{where}: expected an object with a label, got {shape!r:.80}')
        where = f'{where} ({shape["label"]!r:.40})'
        group = shape.get('group_id')
        if group is not None and type(group) not in (int, str):
            raise ConversionError(f'{where}: expected a group_id, got {group!r:.40}')
        try:
            label = canonical_key(shape['label'])
        except ValueError as error:
            raise ConversionError(f'{where}: {error}') from error
        spellings.setdefault(label, shape['label'])
        # Some programs write the same group as 1 and as "1".
        key = (label, None if group is None else str(group).strip())
        if group is None and key in masks:
            raise ConversionError(
                f'{where}: the label stands twice in this frame; set a group_id, the same in all '
                'frames, on the shapes of each object'
            )
        try:
            rle = _shape_rle(shape, *size)
        except ValueError as error:
            raise ConversionError(f'{where}: {error}') from error
        joined = join(masks.get(key), rle)
        if joined is not None:
            masks[key] = joined
    return masks


def _shape_rle(shape: dict[str, Any], height: int, width: int) -> dict | None:
    """Mask of a shape."""
    kind = shape.get('shape_type') or 'polygon'
    points = _points(shape.get('points'))
    if kind == 'polygon':
        return polygon_rle(points, height, width)
    if kind in ('rectangle', 'circle', 'mask') and len(points) != 2:
        raise ValueError(f'expected 2 points of a {kind}, got {len(points)}')
    if kind == 'rectangle':
        (x1, y1), (x2, y2) = points
        return box_rle(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), height, width)
    if kind == 'circle':
        (x, y), (edge_x, edge_y) = points
        radius = float(np.hypot(edge_x - x, edge_y - y))
        return ellipse_rle(x, y, radius, radius, height, width)
    if kind == 'mask':
        patch = _patch(shape.get('mask'))
        (left, top), _ = points
        return patch_rle(patch, int(left), int(top), height, width)
    raise ValueError(
        f'expected a polygon, rectangle, circle or mask, got a {kind!r:.40}, which has no area'
    )


def _points(points: Any) -> list[list[float]]:
    """Check a list of points."""
    if not isinstance(points, list) or not all(
        isinstance(point, list)
        and len(point) == 2
        and all(type(x) in (int, float) and abs(x) < 1e6 for x in point)
        for point in points
    ):
        raise ValueError(f'expected points [[x, y], ...], got {points!r:.80}')
    return points


def _patch(data: Any) -> np.ndarray:
    """Decode the small PNG of a shape of type mask."""
    if not isinstance(data, str):
        raise ValueError(f'expected a mask as base64 text, got {data!r:.40}')
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=['PNG']) as png:
            if png.width * png.height > MAX_PIXELS:
                raise ValueError(f'a mask of {png.height} x {png.width} pixels')
            if len(png.getbands()) != 1:
                raise ValueError(f'expected a grey PNG as a mask, got mode {png.mode}')
            patch = np.asarray(png)
    except (binascii.Error, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f'expected a mask as a PNG in base64, got {error}') from error
    return patch > 0
