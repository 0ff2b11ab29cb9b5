"""Runs of whole tubes, decoded many at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.run_pairs import decode_pairs
from mmtmt.structures.runs import RunLengthError

# Characters to decode at once: each call costs as much as some 15,000 characters.
BLOCK = 500_000


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
    """The runs of a tube of T frames, in pixels from the video's start on.

    Tubes that were decoded together share their arrays, which are not to be changed.

    Attributes:
        height: height of the frames in pixels.
        width: width of the frames in pixels.
        foreground: lengths of the runs of foreground, of all tubes decoded together.
        stop: where they end.
        bounds: (T + 1,) the runs of a frame are those from one bound to the next. Where a frame
            ends with background, its last run has no pixels.
        areas: (T,) int64, pixels in each frame.
        first: (T,) int64, the foreground of a frame doesn't begin before.
        last: (T,) int64, it doesn't end after; 0 where there is none.
    """

    height: int
    width: int
    foreground: np.ndarray
    stop: np.ndarray
    bounds: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def spans(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the runs of foreground of some frames begin and end.

        Args:
            begin: the first of the frames.
            end: the frame after the last one.

        Returns:
            Beginnings and ends, an integer for each run.
        """
        runs = slice(self.bounds[begin], self.bounds[end])
        stop = self.stop[runs]
        return stop - self.foreground[runs], stop


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
    frames = [len(tube) for tube in block]
    rows = [0, *accumulate(frames)]
    lengths = np.concatenate([tube.ends for tube in block])
    lengths[1:] -= lengths[:-1].copy()
    heads = [row for row, number in zip(rows, frames) if number]
    lengths[heads] = [tube.ends[0] for tube in block if len(tube)]
    pixels = np.repeat([tube.height * tube.width for tube in block], frames)
    starts = (np.arange(rows[-1]) - np.repeat(rows[:-1], frames)) * pixels
    present = np.flatnonzero(lengths)
    runs = np.zeros(rows[-1], np.int64)
    areas, last = np.zeros_like(runs), np.zeros_like(runs)
    foreground = stop = np.zeros(0, np.int64)
    if len(present):
        try:
            pairs = decode_pairs(
                b''.join([tube.blob for tube in block]),
                lengths[present],
                pixels[present],
                starts[present],
            )
        except RunLengthError as error:
            row = int(present[error.row])
            tube = bisect_right(rows, row) - 1
            frame = row - rows[tube]
            raise MaskError(begin + tube, f'segmentations[{frame}]: {error}') from error
        foreground, stop = pairs.foreground, pairs.stop
        runs[present], areas[present] = np.diff(pairs.bounds), pairs.areas
        starts[present] = pairs.first
        last[present] = np.where(pairs.areas > 0, pairs.last, 0)
    bounds = np.concatenate([[0], np.cumsum(runs)])
    for tube, here, there in zip(block, rows, rows[1:]):
        yield TubeRuns(
            tube.height,
            tube.width,
            foreground,
            stop,
            bounds[here : there + 1],
            areas[here:there],
            starts[here:there],
            last[here:there],
        )
