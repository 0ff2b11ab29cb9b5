"""Tubes: the masks of one object over the frames of a video, run-length encoded frame by frame.

A tube is a list with one entry per frame: a compressed RLE ``{'size': [h, w], 'counts': bytes}``,
or None where the object is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmtmt.structures.rle import compress, decode_mask
from mmtmt.structures.run_encoding import encode_masks

Tube = list[dict | None]


def encode_tube(masks: Any) -> Tube:
    """Encode masks: of one object in T frames, or of T objects in a frame.

    Args:
        masks: (T, H, W) bool, a NumPy array or a tensor on the CPU.

    Returns:
        One compressed RLE per mask, None for empty ones.

    Raises:
        ValueError: If `masks` isn't boolean with three dimensions.
    """
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype != bool:
        raise ValueError(f'expected masks (T, H, W) of bool, got {masks.shape} of {masks.dtype}')
    present = np.flatnonzero(masks.any(axis=(1, 2)))
    tube: Tube = [None] * len(masks)
    if len(present):
        height, width = masks.shape[1:]
        shown = masks if len(present) == len(masks) else masks[present]
        for frame, counts in zip(present.tolist(), encode_masks(shown)):
            tube[frame] = {'size': [height, width], 'counts': counts}
    return tube


def decode_tube(tube: Sequence[dict | None], height: int, width: int) -> np.ndarray:
    """Decode a tube.

    Args:
        tube: One compressed RLE or None per frame, T entries.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.

    Returns:
        (T, H, W) bool.

    Raises:
        ValueError: If an RLE has another size or covers another number of pixels.
    """
    masks = np.zeros((len(tube), height, width), dtype=bool)
    for frame, rle in enumerate(tube):
        try:
            counts = compress(rle, height, width)
            if counts is not None:
                masks[frame] = decode_mask(counts, height, width)
        except ValueError as error:
            raise ValueError(f'frame {frame} of the tube: {error}') from error
    return masks


def tube_to_json(tube: Sequence[dict | None]) -> list[dict | None]:
    """Make a tube serialisable as json: ``counts`` become strings.

    Args:
        tube: One compressed RLE or None per frame.

    Returns:
        The list as it stands under ``segmentations`` of a results file.
    """
    return [
        rle and {'size': list(rle['size']), 'counts': rle['counts'].decode('ascii')} for rle in tube
    ]


def tube_from_json(segmentations: Sequence[Any], height: int, width: int) -> Tube:
    """Read the ``segmentations`` of a json file.

    Args:
        segmentations: Per frame a compressed or uncompressed RLE, a list of polygons, or null.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.

    Returns:
        One compressed RLE or None per frame.

    Raises:
        ValueError: If an entry has another form, or another size than the frames.
    """
    tube: Tube = []
    for frame, segmentation in enumerate(segmentations):
        try:
            counts = compress(segmentation, height, width)
        except ValueError as error:
            raise ValueError(f'frame {frame} of the tube: {error}') from error
        tube.append(None if counts is None else {'size': [height, width], 'counts': counts})
    return tube
