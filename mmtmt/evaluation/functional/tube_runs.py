"""Runs of whole tubes, decoded many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pycocotools import mask as mask_api

from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.run_pairs import decode_pairs
from mmtmt.structures.runs import RunLengthError

# Characters to decode at once: each call costs as much as some 15,000 characters.
BLOCK = 250_000
_INT = (np.int64, np.int32)


class MaskError(ValueError):
    """A mask of one of several tubes is no RLE of its frame.

    Args:
        tube: Which of the tubes.
        message: The frame and what is wrong.
    """

    def __init__(self, tube: int, message: str) -> None:
        super().__init__(message)
        self.tube = tube


@dataclass(frozen=True, eq=False, slots=True)
class TubeRuns:
    """The runs of a tube of T frames, Q pairs of background and foreground in all.

    Attributes:
        height: height of the frames in pixels.
        width: width of the frames in pixels.
        background: (Q,) int32, pixels.
        foreground: (Q,) int32, pixels of the foreground after it.
        bounds: (T + 1,) the pairs of a frame are those from one bound to the next, at least one.
        areas: (T,) int64, pixels in each frame.
        first: (T,) int64, where the foreground of a frame begins, counted from the video's start.
        last: (T,) int64, where it ends; 0 where there is none.
    """

    height: int
    width: int
    background: np.ndarray
    foreground: np.ndarray
    bounds: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def spans(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the runs of foreground of some frames begin and end, from the video's start on.

        Args:
            begin: the first of the frames.
            end: the frame after the last one.

        Returns:
            Beginnings and ends, an integer for each pair of runs.
        """
        pairs = slice(self.bounds[begin], self.bounds[end])
        small = end * self.height * self.width < 2**31
        stop = np.add(self.background[pairs], self.foreground[pairs], dtype=_INT[small])
        if len(stop):
            stop[0] += begin * self.height * self.width
        np.cumsum(stop, out=stop)
        return stop - self.foreground[pairs], stop


def decode_tubes(masks: Sequence[PackedTube]) -> Iterator[TubeRuns]:
    """Yield the runs of tubes; short tubes are decoded together."""
    # When a block of 16 MB is freed, glibc begins to keep smaller ones for the next use instead of
    # returning them to the system, which takes a third off the time. Elsewhere this does nothing.
    np.empty(2**24, np.uint8)
    begin, size = 0, 0
    for end, tube in enumerate(masks):
        if end > begin and size + tube.num_bytes > BLOCK:
            yield from _decode_block(masks, begin, end)
            begin, size = end, 0
        size += tube.num_bytes
    if begin < len(masks):
        yield from _decode_block(masks, begin, len(masks))


def _decode_block(masks: Sequence[PackedTube], begin: int, end: int) -> Iterator[TubeRuns]:
    block = masks[begin:end]
    rows = np.cumsum([0, *map(len, block)])
    sizes = [(tube.height, tube.width) for tube in block]
    frame_pixels = [height * width for height, width in sizes]
    filled = [tube.filled(_absent(number)) for tube, number in zip(block, frame_pixels)]
    if not rows[-1]:
        nothing = np.zeros(0, np.int64)
        for size in sizes:
            yield TubeRuns(*size, nothing, nothing, np.zeros(1, int), *[nothing] * 3)
        return
    try:
        pairs = decode_pairs(
            b''.join([counts for counts, _ in filled]),
            np.concatenate([lengths for _, lengths in filled]),
            np.repeat(frame_pixels, np.diff(rows)),
        )
    except RunLengthError as error:
        tube = int(np.searchsorted(rows, error.row, side='right')) - 1
        frame = error.row - rows[tube]
        raise MaskError(begin + tube, f'segmentations[{frame}]: {error}') from error
    for size, number, top, bottom in zip(sizes, frame_pixels, rows.tolist(), rows[1:].tolist()):
        bounds = pairs.bounds[top : bottom + 1]
        here = slice(bounds[0], bounds[-1])
        areas = pairs.areas[top:bottom].copy()
        start = np.arange(bottom - top) * number
        yield TubeRuns(
            *size,
            pairs.background[here],
            pairs.foreground[here],
            bounds - bounds[0],
            areas,
            start + pairs.first[top:bottom],
            np.where(areas > 0, start + pairs.last[top:bottom], 0),
        )


@lru_cache(maxsize=64)
def _absent(pixels: int) -> bytes:
    """The ``counts`` of a frame without foreground."""
    rle = {'size': [pixels, 1], 'counts': [pixels]}
    return mask_api.frPyObjects([rle], pixels, 1)[0]['counts']
