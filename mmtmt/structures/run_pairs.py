"""Decoding of the masks of whole videos at once, in NumPy, without padding.

All compressed RLEs lie one after the other in one byte string. A mask is taken as pairs of runs,
background and foreground; one that ends with background gets a foreground of no pixels. So the two
kinds are every second number throughout, and the differences that RLEs store (see `runs`) add up in
two running sums over all masks, which start anew where the sum so far is taken off.

This takes about half the time of `runs.decode_runs`, which has a row per mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .runs import MAX_DIGITS, RunLengthError, decode_runs

# Characters 'P' to 'o' are groups of five bits that more follow, '0' to 'O' the last ones of their
# numbers, with the sign in the fifth bit.
_FIRST, _CONTINUED, _BEYOND = 48, 80, 112
_GOES_ON = bytes(range(_CONTINUED, _BEYOND))
_LAST_GROUP = bytes((((c - _FIRST) & 31 ^ 16) - 16) % 256 for c in range(256))
# Six groups can't overflow 32 bits; the rare numbers of seven are left to `decode_runs`.
_DIGITS = MAX_DIGITS - 1


@dataclass(frozen=True, eq=False)
class RunPairs:
    """Runs of R masks, Q pairs of background and foreground in all.

    Pixels are counted along an axis on which a mask begins where the caller put it.

    Attributes:
        foreground: (Q,) int32, pixels of the runs of foreground, 0 at the end of a mask that ends
            with background.
        stop: (Q,) where they end, int32, or int64 where that is too small.
        bounds: (R + 1,) int64, the pairs of a mask are those from one bound to the next.
        areas: (R,) int64, pixels of the foreground of a mask.
        first: (R,) int64, its foreground doesn't begin before; where it does, but for runs of no
            pixels.
        last: (R,) int64, its foreground doesn't end after; where the mask begins if it has none.
    """

    foreground: np.ndarray
    stop: np.ndarray
    bounds: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray


def decode_pairs(
    counts: bytes, lengths: np.ndarray, pixels: np.ndarray, begin: np.ndarray
) -> RunPairs:
    """Decode compressed RLEs.

    Args:
        counts: The ``counts`` of R masks, at least one, one after the other.
        lengths: (R,) their numbers of characters.
        pixels: (R,) pixels of their frames, at most 2 ** 26.
        begin: (R,) int64, where each mask begins.

    Returns:
        Their runs.

    Raises:
        RunLengthError: If one is no compressed RLE, or covers another number of pixels.
    """
    characters = np.frombuffer(counts, np.uint8)
    ends = np.cumsum(lengths)
    sound = (
        lengths.min() > 0
        and characters.min() >= _FIRST
        and characters.max() < _BEYOND
        and characters[ends - 1].max() < _CONTINUED
    )
    pairs = _decode(counts, characters, ends, pixels, begin) if sound else None
    return _decode_singly(counts, ends, pixels, begin) if pairs is None else pairs


def _decode(
    counts: bytes,
    characters: np.ndarray,
    ends: np.ndarray,
    pixels: np.ndarray,
    begin: np.ndarray,
) -> RunPairs | None:
    """The runs, or None if there is anything unusual."""
    read = _read_numbers(counts, characters, ends)
    if read is None:
        return None
    values, numbers = read
    odd = numbers & 1
    bounds = np.concatenate([[0], np.cumsum(numbers + odd) // 2])
    start, last_pair = bounds[:-1], bounds[1:] - 1
    background, foreground = _lengths(values, numbers, start)
    foreground[last_pair[odd > 0]] = 0
    longest = max(background.max(), foreground.max())
    if min(background.min(), foreground.min()) < 0 or longest > pixels.max():
        return None

    end = begin + pixels
    # Sums of 32 bits are those of whole numbers only where nothing can overflow.
    largest = max(int(end.max()), int(longest) * int(numbers.max()))
    kind = np.int32 if largest < 2**31 else np.int64
    step = np.add(background, foreground, dtype=kind)
    step[start] += (begin - np.concatenate([[0], end[:-1]])).astype(kind)
    stop = np.cumsum(step, out=step)
    if (stop[last_pair] != end).any():
        return None
    areas = np.add.reduceat(foreground, start, dtype=kind).astype(np.int64)
    rest = np.where(odd > 0, background[last_pair], 0)
    last = np.where(areas > 0, end - rest, begin)
    return RunPairs(foreground, stop, bounds, areas, begin + background[start], last)


def _read_numbers(
    counts: bytes, characters: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The numbers as they are written, mostly differences; a mask of an odd number gets a 0 more.

    Args:
        counts: Of all masks, one after the other.
        characters: The same as numbers.
        ends: (M,) where each mask ends.

    Returns:
        The numbers, and how many each mask has without the 0; None if one is too large.
    """
    goes_on = np.flatnonzero(characters >= _CONTINUED)
    before = np.searchsorted(goes_on, ends)
    number_ends = ends - before
    numbers = np.diff(number_ends, prepend=0)
    odd = numbers & 1
    fillers = np.cumsum(odd)
    small = counts.translate(_LAST_GROUP, _GOES_ON)
    cuts = number_ends[odd > 0].tolist()
    parts = [small[first:last] for first, last in zip([0, *cuts], [*cuts, len(small)])]
    values = np.frombuffer(b'\0'.join(parts), np.int8).astype(np.int32)
    place = goes_on - np.arange(len(goes_on))
    place += np.repeat(fillers - odd, np.diff(before, prepend=0))
    # The lowest five bits of a character less 48.
    groups = (characters[goes_on] & np.uint8(31)) ^ np.uint8(16)
    return (values, numbers) if _add_groups(values, place, groups) else None


def _lengths(
    values: np.ndarray, numbers: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the runs of background and foreground.

    A number from the fourth on is the difference to the one before the last, so that the
    two kinds of runs don't mix.

    Args:
        values: (2 P,) of `_read_numbers`.
        numbers: (M,) how many each mask has.
        start: (M,) the first pair of each mask.

    Returns:
        (P,) of both kinds.
    """
    background, foreground = values[::2].copy(), values[1::2].copy()
    # The third number of a mask is a length, not a difference.
    third = start[numbers > 2]
    background[third + 1] -= background[third]
    for lane in (background, foreground):
        lane[start[1:]] -= np.add.reduceat(lane, start)[:-1]
        np.cumsum(lane, out=lane)
    return background, foreground


def _add_groups(values: np.ndarray, place: np.ndarray, groups: np.ndarray) -> bool:
    """Complete numbers that take several characters.

    Args:
        values: The last groups of all numbers; changed.
        place: (P,) for each other group the position of its number.
        groups: (P,) five bits each, those of a number in rising order of their weight.

    Returns:
        Whether all numbers have at most `_DIGITS` groups.
    """
    for _ in range(_DIGITS - 1):
        if not len(place):
            break
        # of several groups of a number the last one stays, which has the most weight
        values[place] = values[place] * 32 + groups
        rest = np.flatnonzero(place[1:] == place[:-1])
        place, groups = place[rest], groups[rest]
    return not len(place)


def _decode_singly(
    counts: bytes, ends: np.ndarray, pixels: np.ndarray, begin: np.ndarray
) -> RunPairs:
    """The same, mask by mask; for errors, which name the mask, and for numbers of any size."""
    foreground, stop, areas, first, last = [], [], [], [], []
    begins = [0, *ends.tolist()]
    for row, (head, tail) in enumerate(zip(begins, begins[1:])):
        try:
            runs = decode_runs([counts[head:tail]], pixels[row : row + 1])
        except RunLengthError as error:
            raise RunLengthError(row, str(error)) from error
        is_end = np.frombuffer(counts[head:tail], np.uint8) < _CONTINUED
        lengths = runs.lengths[0, is_end]
        lengths = np.concatenate([lengths, np.zeros(len(lengths) % 2, np.int32)])
        foreground.append(lengths[1::2])
        stop.append(begin[row] + np.cumsum(lengths, dtype=np.int64)[1::2])
        areas.append(runs.areas[0])
        first.append(begin[row] + runs.first[0])
        last.append(begin[row] + (runs.last[0] if runs.areas[0] else 0))
    bounds = np.cumsum([0, *map(len, stop)])
    return RunPairs(
        np.concatenate(foreground), np.concatenate(stop), bounds,
        *(np.array(part, np.int64) for part in (areas, first, last)))
