"""Shapes that people draw in annotation tools, as masks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_api

from mmtmt.structures.rle import compress

# Corners of the polygon in place of an ellipse: at a radius of 1000 pixels it is off by 0.3.
_ELLIPSE_CORNERS = 128


def polygon_rle(points: Sequence[Sequence[float]], height: int, width: int) -> dict | None:
    """Rasterise a polygon as COCO does.

    Args:
        points: At least three pairs (x, y) in pixels.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        The compressed RLE, None if no pixel of the frame is inside.

    Raises:
        ValueError: If there are too few points, or they lie far outside.
    """
    if len(points) < 3:
        raise ValueError(f'expected a polygon of at least 3 points, got {len(points)}')
    counts = compress([[float(x) for point in points for x in point]], height, width)
    return _or_none(counts and {'size': [height, width], 'counts': counts})


def box_rle(
    left: float, top: float, right: float, bottom: float, height: int, width: int
) -> dict | None:
    """Fill a box.

    Args:
        left: Smallest x in pixels.
        top: Smallest y in pixels.
        right: Largest x in pixels.
        bottom: Largest y in pixels.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        The compressed RLE, None if no pixel of the frame is inside.
    """
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return polygon_rle(corners, height, width)


def ellipse_rle(
    x: float, y: float, radius_x: float, radius_y: float, height: int, width: int
) -> dict | None:
    """Fill an ellipse.

    Args:
        x: Its centre, in pixels from the left.
        y: Its centre, in pixels from the top.
        radius_x: Half its width.
        radius_y: Half its height.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        The compressed RLE, None if no pixel of the frame is inside.
    """
    angles = [2 * math.pi * i / _ELLIPSE_CORNERS for i in range(_ELLIPSE_CORNERS)]
    corners = [(x + radius_x * math.cos(a), y + radius_y * math.sin(a)) for a in angles]
    return polygon_rle(corners, height, width)


def patch_rle(patch: np.ndarray, left: int, top: int, height: int, width: int) -> dict | None:
    """Place a small mask in a frame; what lies outside is cut off.

    Args:
        patch: (h, w) bool.
        left: Column of the frame where it starts.
        top: Row of the frame where it starts.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        The compressed RLE, None if no pixel of the frame is inside.
    """
    mask = np.zeros((height, width), np.uint8, order='F')
    rows, columns = max(0, -top), max(0, -left)
    kept = patch[rows : max(0, height - top), columns : max(0, width - left)]
    top, left = max(0, top), max(0, left)
    mask[top : top + kept.shape[0], left : left + kept.shape[1]] = kept
    rle = mask_api.encode(mask)
    return _or_none({'size': [height, width], 'counts': rle['counts']})


def join(first: dict | None, second: dict | None) -> dict | None:
    """Union of two masks of one size.

    Args:
        first: A compressed RLE or None.
        second: Another.

    Returns:
        The union.
    """
    if first is None or second is None:
        return second if first is None else first
    return mask_api.merge([first, second])


def _or_none(rle: dict | None) -> dict | None:
    return rle if rle is not None and mask_api.area(rle) else None
