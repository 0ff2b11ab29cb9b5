"""Decoding of many run-length encoded masks at once, in NumPy.

The masks lie as the rows of one array, a column per character, so that every step is one call for
all of them. In a compressed RLE a number is stored in little-endian groups of five bits, a
character each, with a continuation bit and, in the last group, a sign bit. The first three numbers
are lengths of runs c[i]; from the fourth on it is the difference v[i] = c[i] - c[i - 2].

Three running sums undo that. With v[2] lowered by c[0], the sums of v are s[i] = c[i] + c[i - 1];
the sums of s with alternating signs give c, and the sums of c the places where the runs end.
Characters in the middle of a number stay in the rows and add nothing. All of it is done in 32 bits,
where what overflows on the way comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Characters '0' to 'o' stand for 0 to 63.
_ZERO, _HIGHEST = 48, 111
# A group of nothing that goes on: it ends no run.
_PADDING = b'P'
# A number of 32 bits and its sign take at most seven groups of five bits.
MAX_DIGITS = 7
MAX_PIXELS = 2**31 - 1


class RunLengthError(ValueError):
    """One of several masks is no RLE of its frame.

    Args:
        row: Which of the masks.
        message: What is wrong with it.
    """

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, eq=False)
class RunBoundaries:
    """Where the runs of N masks begin and end; L columns.

    The pixels of mask n among the first x ones of a function F(x) that adds up any weights over the
    pixels are ``(signs[n] * F(ends[n])).sum()``.

    Attributes:
        ends: (N, L) int32, pixels up to the end of the run that ends in a column, or of the one
            before.
        signs: (N, L) int32, -1 where foreground begins, 1 where it ends, 0 in other columns.
        areas: (N,) int64, pixels of the foreground.
        first: (N,) int64, pixels before the foreground.
        last: (N,) int64, pixels up to the end of the foreground.
    """

    ends: np.ndarray
    signs: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray


def decode_boundaries(strings: Sequence[bytes], pixels: np.ndarray) -> RunBoundaries:
    """Decode compressed RLEs, best of similar lengths, since all take the memory of the longest.

    Args:
        strings: The compressed ``counts`` of N masks, at least one.
        pixels: (N,) pixels of their frames, `MAX_PIXELS` at most.

    Returns:
        Where their runs end.

    Raises:
        RunLengthError: If one is no compressed RLE, or covers another number of pixels.
    """
    lengths = np.fromiter(map(len, strings), np.int32, len(strings))
    shape = len(strings), int(lengths.max())
    if lengths.min() == 0:
        raise RunLengthError(int(lengths.argmin()), _characters(b''))
    too_long = lengths > MAX_DIGITS * (pixels + 2)
    if too_long.any():
        row = int(too_long.argmax())
        raise RunLengthError(
            row, f'RLE counts have {lengths[row]} characters for {pixels[row]} pixels'
        )
    text = b''.join([string.ljust(shape[1], _PADDING) for string in strings])
    groups = np.frombuffer(text, np.uint8) - np.uint8(_ZERO)
    if groups.max() > _HIGHEST - _ZERO:
        row = int(groups.argmax()) // shape[1]
        raise RunLengthError(row, _characters(strings[row]))
    rows = np.arange(shape[0])
    goes_on = groups >= 32
    if goes_on.reshape(shape)[rows, lengths - 1].any():
        row = int(goes_on.reshape(shape)[rows, lengths - 1].argmax())
        raise RunLengthError(row, f'RLE counts are cut short: {strings[row][-20:]!r}')

    ends_run = ~goes_on.reshape(shape)
    signs, num_first, num_third = _signs(ends_run)
    values = _numbers(groups, goes_on, lengths, shape)
    head = values[:, :MAX_DIGITS]
    first = (head * (np.arange(head.shape[1]) <= num_first[:, None])).sum(axis=1, dtype=np.int32)
    third = np.flatnonzero(num_third >= 0)
    values[third, num_third[third]] -= first[third]

    np.cumsum(values, axis=1, out=values)
    values *= signs
    np.cumsum(values, axis=1, out=values)
    values *= signs
    last_run = values[rows, lengths - 1].astype(np.int64)
    shortest = values.min()
    ends = np.cumsum(values, axis=1, dtype=np.int32)
    if shortest < 0 or ends.min() < 0 or (ends[:, -1] != pixels).any():
        _refuse(values, ends, pixels)

    # What begins at the end of the frame is no foreground.
    final = signs[rows, lengths - 1]
    signs[rows, lengths - 1] = np.maximum(final, 0)
    return RunBoundaries(
        ends,
        signs,
        np.einsum('nl,nl->n', ends, signs).astype(np.int64),
        first.astype(np.int64),
        pixels - np.where(final < 0, last_run, 0),
    )


def _numbers(
    groups: np.ndarray, goes_on: np.ndarray, lengths: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """(N, L) int32: each group's value times its place; the values of a number add up to it."""
    # Five bits and a sign, or five bits and the continuation bit: 32 less in both cases.
    values = (groups - ((groups >= 16).view(np.uint8) << 5)).view(np.int8).astype(np.int32)
    inside = np.arange(shape[1], dtype=np.int32) < lengths[:, None]
    goes_on = goes_on & inside.ravel()
    values[1:] <<= goes_on[:-1].view(np.uint8) * np.uint8(5)
    later = np.flatnonzero(goes_on[1:-1] & goes_on[:-2]) + 2
    for _ in range(MAX_DIGITS - 2):
        if not len(later):
            break
        values[later] <<= 5
        later = later[goes_on[later]] + 1
    if len(later):
        row = int(later[0]) // shape[1]
        raise RunLengthError(row, 'RLE counts hold a run of more than 32 bits')
    return values.reshape(shape)


def _signs(ends_run: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signs (N, L) int32: -1 where a run of background ends, 1 where one of foreground does.

    Besides the columns (N,) where the first and the third run end; -1 without a third run.
    """
    shape = ends_run.shape
    bits = np.packbits(ends_run.ravel(), bitorder='little')
    words = np.zeros(-(-len(bits) // 8), np.uint64)
    words.view(np.uint8)[: len(bits)] = bits
    # Parity of the number of ends so far, 64 columns at a time.
    for shift in (1, 2, 4, 8, 16, 32):
        words ^= words << np.uint64(shift)
    carry = np.bitwise_xor.accumulate(words >> np.uint64(63))
    words[1:] ^= np.uint64(0) - carry[:-1]
    odd = np.unpackbits(words.view(np.uint8), count=ends_run.size, bitorder='little')
    odd = odd.reshape(shape)
    odd[1:] ^= odd[:-1, -1:].copy()
    whole = ends_run.view(np.uint8)
    signs = (whole - ((whole & odd) << 1)).view(np.int8).astype(np.int32)

    count = np.cumsum(ends_run[:, : 3 * MAX_DIGITS], axis=1, dtype=np.int32)
    third = np.where(count[:, -1] >= 3, (count < 3).sum(axis=1), -1)
    return signs, (count < 1).sum(axis=1), third


def _characters(counts: bytes) -> str:
    return f'expected the characters of a compressed RLE, got {counts[:40]!r}'


def _refuse(runs: np.ndarray, ends: np.ndarray, pixels: np.ndarray) -> None:
    """Raise the error of the first mask whose runs are not those of its frame."""
    wrong = (runs.min(axis=1) < 0) | (ends.min(axis=1) < 0) | (ends[:, -1] != pixels)
    row = int(wrong.argmax())
    raise RunLengthError(
        row,
        f'expected an RLE that covers {pixels[row]} pixels, got runs that cover '
        f'{runs[row].sum(dtype=np.int64)} (shortest {runs[row].min()})',
    )
