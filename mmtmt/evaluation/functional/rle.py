"""Run-length encoded tubes: the masks of one object over a whole video.

A COCO RLE runs down the columns of a frame, so the runs of frame t + 1 follow those of frame t in
an RLE of the frames laid side by side. One RLE per tube makes the spatio-temporal IoU of two tubes
one call into pycocotools' C code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_api

# pycocotools counts pixels in 32 bits; longer tubes are cut into pieces of whole frames.
MAX_PIXELS = 2**32 - 1
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


def encode_tube(
    frames: Sequence[bytes | None], height: int, width: int
) -> tuple[list[dict], np.ndarray]:
    """Joins the masks of a video's frames to one RLE.

    Args:
        frames: compressed ``counts`` per frame, None where the object is absent; T entries.
        height: height of the frames.
        width: width of the frames.

    Returns:
        A list with one compressed RLE over (height, width x T), of several pieces when that has
        more than `MAX_PIXELS` pixels, and the areas per frame (T,), int64.

    Raises:
        ValueError: if a frame's runs don't add up to its pixels.
    """
    frame_pixels = height * width
    areas = np.zeros(len(frames), np.int64)
    present = [t for t, counts in enumerate(frames) if counts is not None]
    if present:
        counts, runs = decode_counts([frames[t] for t in present])
        first = np.cumsum(runs) - runs
        totals = np.add.reduceat(counts, first)
        if (counts < 0).any() or (totals != frame_pixels).any():
            wrong = int(np.argmax(totals != frame_pixels))
            raise ValueError(
                f'frame {present[wrong]}: the runs cover {totals[wrong]} pixels, '
                f'the frame has {height} x {width}'
            )
        index = np.arange(len(counts)) - np.repeat(first, runs)
        areas[present] = np.add.reduceat(np.where(index % 2, counts, 0), first)
        frame_of_run = np.repeat(np.array(present), runs)
        ends = (
            np.cumsum(counts)
            - np.repeat(np.cumsum(totals) - totals, runs)
            + frame_of_run * frame_pixels
        )
        # The last run's end is a change only if it is one of foreground, in which case the next
        # frame starts with background.
        changes = (index < np.repeat(runs, runs) - 1) | (index % 2 == 1)
        ends, frame_of_run = ends[changes], frame_of_run[changes]
    else:
        ends = frame_of_run = np.zeros(0, np.int64)

    step = max(1, MAX_PIXELS // frame_pixels)
    pieces = []
    for start in range(0, len(frames), step):
        length = min(step, len(frames) - start)
        here = (
            ends[(frame_of_run >= start) & (frame_of_run < start + length)] - start * frame_pixels
        )
        pieces.append(_from_changes(here, height, width * length))
    return pieces, areas


def _from_changes(positions: np.ndarray, height: int, width: int) -> dict:
    """Compressed RLE whose value flips at each of the sorted positions; a position listed twice
    doesn't flip."""
    positions, multiplicity = np.unique(positions, return_counts=True)
    positions = positions[multiplicity % 2 == 1]
    pixels = height * width
    counts = np.diff(positions[positions < pixels], prepend=0, append=pixels).astype(np.uint32)
    return mask_api.frPyObjects([{'size': [height, width], 'counts': counts}], height, width)[0]


def tube_iou(tubes_a: Sequence[list[dict]], tubes_b: Sequence[list[dict]]) -> np.ndarray:
    """Spatio-temporal IoU: intersections summed over the frames, divided by unions summed over the
    frames.

    Args:
        tubes_a: N tubes as `encode_tube` returns them.
        tubes_b: M tubes of the same video.

    Returns:
        (N, M) float64; 0 where both tubes are empty.
    """
    if not tubes_a or not tubes_b:
        return np.zeros((len(tubes_a), len(tubes_b)))
    plain = [0] * len(tubes_b)
    pieces = range(len(tubes_a[0]))
    if len(pieces) == 1:
        return np.asarray(
            mask_api.iou([tube[0] for tube in tubes_a], [tube[0] for tube in tubes_b], plain)
        )
    intersection = np.zeros((len(tubes_a), len(tubes_b)))
    total = np.zeros_like(intersection)
    for piece in pieces:
        side_a, side_b = [tube[piece] for tube in tubes_a], [tube[piece] for tube in tubes_b]
        ratio = np.asarray(mask_api.iou(side_a, side_b, plain))
        both = mask_api.area(side_a).astype(float)[:, None] + mask_api.area(side_b).astype(float)
        # r = i / u and i + u = both, so i = r * both / (1 + r), an integer.
        intersection += np.rint(ratio * both / (1 + ratio))
        total += both
    union = total - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
