"""Run-length encoded masks, many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmtmt.structures.packed_tube import PackedTube

# A number of 32 bits and its sign take at most seven groups of five bits.
MAX_DIGITS = 7


def decode_counts(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Run lengths of several compressed RLEs, all at once.

    A number is stored in little-endian groups of 5 bits, one character each, with a continuation
    and a sign bit; from the fourth run on, the difference to the run before the last is stored.

    Args:
        strings: compressed ``counts``, none of them empty.

    Returns:
        The run lengths of all RLEs one after the other, int64, and the number of runs of each RLE.

    Raises:
        ValueError: if a string is not a compressed RLE.
    """
    sizes = np.array([len(string) for string in strings])
    data = np.frombuffer(b''.join(strings), np.uint8).astype(np.int64) - 48
    if sizes.min(initial=1) == 0 or data.min(initial=0) < 0 or data.max(initial=0) > 63:
        raise ValueError('RLE counts are empty or hold characters that no compressed RLE has')
    is_last = (data & 32) == 0
    string_ends = np.cumsum(sizes)
    if not is_last[string_ends - 1].all():
        raise ValueError('RLE counts are cut short')

    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    digits = ends - starts + 1
    if digits.max(initial=1) > MAX_DIGITS:
        raise ValueError('RLE counts hold a run of more than 32 bits')
    place = np.arange(len(data)) - np.repeat(starts, digits)
    values = np.add.reduceat((data & 31) << (5 * place), starts)
    values -= np.where(data[ends] & 16, np.int64(1) << (5 * digits), 0)

    runs = np.diff(np.searchsorted(ends, string_ends), prepend=0)
    first = np.cumsum(runs) - runs
    index = np.arange(len(values)) - np.repeat(first, runs)
    odd = index % 2 == 1
    # Sums of the differences, apart for odd and even runs. The first run of a string is left out of
    # both, so that the running total there is what the strings before have added.
    odd_total = np.cumsum(np.where(odd, values, 0))
    even_total = np.cumsum(np.where(odd | (index == 0), 0, values))
    counts = np.where(
        odd,
        odd_total - np.repeat(odd_total[first], runs),
        even_total - np.repeat(even_total[first], runs),
    )
    counts[first] = values[first]
    return counts, runs


def frame_areas(tube: PackedTube) -> np.ndarray:
    """Area of a tube in every frame.

    Args:
        tube: the masks of T frames.

    Returns:
        (T,) int64.

    Raises:
        ValueError: if the runs of a frame don't add up to its pixels.
    """
    areas = np.zeros(len(tube), np.int64)
    present = np.flatnonzero(tube.present)
    if not len(present):
        return areas
    counts, runs = decode_counts([tube.counts(t) for t in present])
    first = np.cumsum(runs) - runs
    totals = np.add.reduceat(counts, first)
    pixels = tube.height * tube.width
    if (counts < 0).any() or (totals != pixels).any():
        wrong = int(np.argmax(totals != pixels))
        raise ValueError(
            f'segmentations[{present[wrong]}]: the runs cover {totals[wrong]} pixels, '
            f'the frame has {tube.height} x {tube.width}'
        )
    index = np.arange(len(counts)) - np.repeat(first, runs)
    areas[present] = np.add.reduceat(np.where(index % 2, counts, 0), first)
    return areas
