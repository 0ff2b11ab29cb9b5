"""Strict reading of run-length encoded masks: sizes are checked before anything is decoded."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from .runs import decode_runs

MAX_SIDE = 2**15
"""Largest height or width of a frame in pixels."""
MAX_PIXELS = 2**26
"""Most pixels of a frame: twice those of 8K. A few bytes of RLE can claim any number, and
decoding takes a byte for each."""
# Polygons are rasterised a few at a time: each takes memory of its own until they are joined.
_POLYGONS_AT_ONCE = 16


def check_frame_size(height: int, width: int) -> None:
    """Check that masks of a size can be held in memory.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Raises:
        ValueError: If it is no size of a frame.
    """
    sides = (height, width)
    if not all(0 < side <= MAX_SIDE for side in sides) or height * width > MAX_PIXELS:
        raise ValueError(
            f'expected frames of sides from 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels, '
            f'got {height} x {width} (height x width)'
        )


def check_counts(counts: bytes, height: int, width: int) -> None:
    """Check that an RLE covers exactly a frame.

    Args:
        counts: The compressed ``counts``.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Raises:
        ValueError: If it is no compressed RLE, or covers another number of pixels.
    """
    decode_runs([counts], np.array([height * width]))


def decode_mask(counts: bytes, height: int, width: int) -> np.ndarray:
    """Decode one mask.

    Args:
        counts: The compressed ``counts``.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        (H, W) uint8 of 0 and 1, in column-major order.

    Raises:
        ValueError: If the RLE doesn't cover exactly the frame.
    """
    check_frame_size(height, width)
    check_counts(counts, height, width)
    return mask_api.decode({'size': [height, width], 'counts': counts})


def compress(segmentation: Any, height: int, width: int) -> bytes | None:
    """Compress one frame's mask in any form that json files of the COCO family hold.

    Args:
        segmentation: Compressed RLE (``counts`` is a string), uncompressed RLE (``counts`` is a
            list), a list of polygons, or None or an empty list where the object is absent.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        The compressed ``counts``, or None for an absent object.

    Raises:
        ValueError: If the segmentation has another form, or another size than the frame.
    """
    if segmentation is None or segmentation == []:
        return None
    check_frame_size(height, width)
    if isinstance(segmentation, list):
        return _compress_polygons(segmentation, height, width)
    if not isinstance(segmentation, dict) or not {'counts', 'size'} <= segmentation.keys():
        raise ValueError(
            f'expected an RLE with size and counts, polygons or null, got {segmentation!r:.80}'
        )
    size, counts = segmentation['size'], segmentation['counts']
    if not isinstance(size, (list, tuple)) or list(size) != [height, width]:
        raise ValueError(f'expected an RLE of size [{height}, {width}], got size {size!r:.80}')
    if isinstance(counts, list):
        return _compress_runs(counts, height, width)
    if isinstance(counts, str):
        if not counts.isascii():
            raise ValueError(f'expected RLE counts in ASCII, got {counts[:40]!r}')
        counts = counts.encode('ascii')
    if not isinstance(counts, bytes) or not counts:
        raise ValueError(f'expected RLE counts as a string or a list, got {counts!r:.80}')
    return counts


def count_left_out(segmentation: Any) -> Counter[str]:
    """Count what `compress` takes for nothing in a mask that it accepts.

    Args:
        segmentation: One frame's mask.

    Returns:
        ``polygons``: those with fewer than three points or half a point, which are left out as the
        official readers leave them out; ``empty_lists``: 1 if the mask is an empty list.
    """
    if not isinstance(segmentation, list):
        return Counter()
    counts = {
        'polygons': sum(not _has_area(polygon) for polygon in segmentation),
        'empty_lists': int(not segmentation),
    }
    return Counter({kind: count for kind, count in counts.items() if count})


def _has_area(polygon: list) -> bool:
    return len(polygon) >= 6 and len(polygon) % 2 == 0


def _compress_runs(runs: list, height: int, width: int) -> bytes:
    """Compress a list of run lengths after checking that they cover the frame."""
    if not all(type(run) is int and run >= 0 for run in runs) or sum(runs) != height * width:
        raise ValueError(
            f'expected run lengths that cover {height} x {width} = {height * width} pixels, '
            f'got {len(runs)} runs, {str(runs)[:60]}'
        )
    rle = {'size': [height, width], 'counts': runs}
    return mask_api.frPyObjects([rle], height, width)[0]['counts']


def _compress_polygons(polygons: list, height: int, width: int) -> bytes | None:
    """Compress the union of polygons but for those that `count_left_out` counts."""
    limit = 2 * max(height, width)
    kept = []
    for polygon in polygons:
        if not isinstance(polygon, list) or not all(type(x) in (int, float) for x in polygon):
            raise ValueError(f'expected a polygon as a list of numbers, got {polygon!r:.80}')
        # Rasterising takes memory in proportion to the polygon's length in pixels.
        # Comparing is all that may be done before: json holds integers of any size.
        outside = [x for x in polygon if not -limit <= x <= limit]
        if outside:
            raise ValueError(
                f'expected polygon coordinates within {-limit}..{limit} of a frame of '
                f'{height} x {width}, got {outside[0]!r:.20}'
            )
        if _has_area(polygon):
            kept.append(polygon)
    if not kept:
        return None
    union: list[dict] = []
    for start in range(0, len(kept), _POLYGONS_AT_ONCE):
        some = mask_api.frPyObjects(kept[start : start + _POLYGONS_AT_ONCE], height, width)
        union = [mask_api.merge(union + some)]
    return union[0]['counts']
