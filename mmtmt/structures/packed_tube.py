"""Annotated tubes in the smallest form that still gives access to single frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmtmt.structures.rle import compress, count_left_out


class PackedTube:
    """The compressed masks of one object, all frames in one byte string.

    A set like UVO has half a million masks; a dictionary with its string for each would take
    several times the memory of the masks, and every worker process would copy them on the first
    touch.

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        blob: The ``counts`` of all frames, one after the other.
        ends: Where each frame's ``counts`` end in `blob`, (T,) int64; a frame without any is one
            where the object is absent.
    """

    __slots__ = ('blob', 'ends', 'height', 'start', 'width')

    def __init__(self, height: int, width: int, blob: bytes, ends: np.ndarray) -> None:
        self.height = height
        self.width = width
        self.blob: bytes | None = blob
        self.ends = ends
        self.start: int | None = None

    @classmethod
    def pack(cls, segmentations: Sequence[Any], height: int, width: int) -> PackedTube:
        """Pack the ``segmentations`` of an annotation.

        Args:
            segmentations: Per frame an RLE, polygons or None.
            height: Height of the frames in pixels.
            width: Width of the frames in pixels.

        Returns:
            The packed tube.

        Raises:
            ValueError: If a segmentation has another form or size; the frame is named.
        """
        return pack_tube(segmentations, height, width)[0]

    def of_size(self, height: int, width: int) -> PackedTube:
        """Check the size.

        Args:
            height: What has to be the height of the frames.
            width: What has to be their width.

        Returns:
            The tube itself.

        Raises:
            ValueError: If it has another size and masks; the first frame with one is named.
        """
        if (height, width) == (self.height, self.width):
            return self
        return self.pack([self.rle(frame) for frame in range(len(self))], height, width)

    @property
    def num_bytes(self) -> int:
        """Length of the ``counts`` of all frames; 0 where the object is absent throughout."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def move_to(self, store: bytearray) -> None:
        """Move the ``counts`` to the end of a buffer that all tubes of a file share."""
        if self.start is None:
            self.start = len(store)
            store += self.blob
            self.blob = None

    def fetch_from(self, store: np.ndarray) -> None:
        """Get the ``counts`` back.

        Args:
            store: The buffer as an array of uint8.
        """
        self.blob = store[self.start : self.start + self.num_bytes].tobytes()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.ends)

    def counts(self, frame: int) -> bytes | None:
        """Return the compressed ``counts`` of a frame, None where the object is absent."""
        start = int(self.ends[frame - 1]) if frame else 0
        return self.blob[start : int(self.ends[frame])] or None

    def rle(self, frame: int) -> dict | None:
        """Return the compressed RLE of a frame, None where the object is absent."""
        counts = self.counts(frame)
        return counts and {'size': [self.height, self.width], 'counts': counts}

    @property
    def present(self) -> np.ndarray:
        """Where the object has a mask, (T,) bool."""
        return np.diff(self.ends, prepend=0) > 0


def pack_tube(
    segmentations: Sequence[Any],
    height: int,
    width: int,
    left_out: list[tuple[int, Counter[str]]] | None = None,
) -> tuple[PackedTube, list[str] | list[bytes]]:
    """Pack the ``segmentations`` of an annotation, and keep its strings for those who need both.

    Args:
        segmentations: Per frame an RLE, polygons or None.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        left_out: Gets the frames of which something is left out, each with `count_left_out`.

    Returns:
        The packed tube, and the ``counts`` of the frames where the object is present.

    Raises:
        ValueError: If a segmentation has another form or size; the frame is named.
    """
    counts = _plain_counts(segmentations, [height, width])
    if counts is not None:
        lengths = np.zeros(len(segmentations), np.int64)
        present = [segmentation is not None for segmentation in segmentations]
        lengths[np.array(present, bool)] = list(map(len, counts))
        blob = b''.join(counts) if isinstance(counts[0], bytes) else ''.join(counts).encode('ascii')
        return PackedTube(height, width, blob, np.cumsum(lengths)), counts
    mixed = []
    for frame, segmentation in enumerate(segmentations):
        try:
            mixed.append(compress(segmentation, height, width) or b'')
        except ValueError as error:
            raise ValueError(f'segmentations[{frame}]: {error}') from error
        if left_out is not None and (counted := count_left_out(segmentation)):
            left_out.append((frame, counted))
    ends = np.cumsum([len(c) for c in mixed], dtype=np.int64)
    return PackedTube(height, width, b''.join(mixed), ends), [c for c in mixed if c]


def _plain_counts(segmentations: Sequence[Any], size: list[int]) -> list[str] | list[bytes] | None:
    """The ``counts`` of a tube that holds compressed RLEs of the right size and nothing else.

    That is what results hold, and their frames are too many to look at one by one. Anything else
    gives None.
    """
    present = [segmentation for segmentation in segmentations if segmentation is not None]
    try:
        counts = [segmentation['counts'] for segmentation in present]
        sizes = [segmentation['size'] for segmentation in present]
    except (KeyError, TypeError, IndexError):
        return None
    kinds = set(map(type, counts))
    if len(kinds) != 1 or not kinds <= {str, bytes} or not all(counts):
        return None
    if sizes.count(size) != len(sizes):
        return None
    return counts if kinds == {bytes} or ''.join(counts).isascii() else None
