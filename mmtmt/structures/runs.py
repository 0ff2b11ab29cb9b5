"""Decoding of many run-length encoded masks at once, in NumPy.

The masks lie as the rows of one array, a column per character, so that every step is one call for
all of them. In a compressed RLE a number is stored in little-endian groups of five bits, a
character each, with a continuation bit and, in the last group, a sign bit. The first three numbers
are lengths of runs c[i]; from the fourth on it is the difference v[i] = c[i] - c[i - 2].

Two running sums undo that. With v[2] lowered by c[0], the sums of v are s[i] = c[i] + c[i - 1], and
the sums of s with alternating signs are c with alternating signs. Characters in the middle of a
number stay in the rows and add nothing. All of it is done in 32 bits, where what overflows on the
way comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Characters '0' to 'o' stand for 0 to 63.
_ZERO, _HIGHEST = 48, 111
# Beyond the characters of RLEs, it neither ends a number nor goes on with one.
_PADDING = 'p'
# A number of 32 bits and its sign take at most seven groups of five bits.
MAX_DIGITS = 7


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
class Runs:
    """The runs of N masks; L columns.

    Attributes:
        lengths: (N, L) int32, pixels of the run that ends in a column, 0 where none does.
        signs: (N, L) int8, -1 where foreground begins, 1 where it ends, 0 in other columns.
        areas: (N,) int64, pixels of the foreground.
        first: (N,) int64, pixels before the foreground.
        last: (N,) int64, pixels up to the end of the foreground.
    """

    lengths: np.ndarray
    signs: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def ends(self, rows: np.ndarray | slice) -> np.ndarray:
        """Pixels up to the end of the run that ends in a column, or of the one before.

        If F(x) adds up any weights over the first x pixels, their sum over the foreground is
        ``(signs * F(ends)).sum(axis=1)``.

        Args:
            rows: Which of the masks.

        Returns:
            (rows, L) int32.
        """
        return np.cumsum(self.lengths[rows], axis=1, dtype=np.int32)


def decode_runs(strings: Sequence[str] | Sequence[bytes], pixels: np.ndarray) -> Runs:
    """Decode compressed RLEs, best of similar lengths, since all take the memory of the longest.

    Args:
        strings: The compressed ``counts`` of N masks, at least one; ASCII.
        pixels: (N,) pixels of their frames, below 2 ** 31.

    Returns:
        Their runs.

    Raises:
        RunLengthError: If one is no compressed RLE, or covers another number of pixels.
    """
    lengths = np.fromiter(map(len, strings), np.int32, len(strings))
    if lengths.min() == 0:
        raise RunLengthError(int(lengths.argmin()), _characters(b''))
    too_long = lengths > MAX_DIGITS * (pixels + 2)
    if too_long.any():
        row = int(too_long.argmax())
        raise RunLengthError(
            row, f'RLE counts have {lengths[row]} characters for {pixels[row]} pixels'
        )
    shape = len(strings), int(lengths.max())
    groups = _groups(strings, shape, int(lengths.sum()))
    rows, final = np.arange(shape[0]), lengths - 1
    ends_run = (groups < 32).reshape(shape)
    whole = ends_run[rows, final]
    if not whole.all():
        row = int(whole.argmin())
        raise RunLengthError(row, f'RLE counts are cut short: {strings[row][-20:]!r}')

    values = _numbers(groups, shape)
    signs, first_end, third_end = _signs(ends_run)
    head = values[:, :MAX_DIGITS]
    first = (head * (np.arange(head.shape[1]) <= first_end[:, None])).sum(axis=1, dtype=np.int32)
    third = np.flatnonzero(third_end >= 0)
    values[third, third_end[third]] -= first[third]

    np.cumsum(values, axis=1, out=values)
    values *= signs
    np.cumsum(values, axis=1, out=values)
    values *= signs
    # Runs that overflow come back, but their sum has to be that of what they are now.
    small = shape[1] * int(values.max()) < 2**31
    total = values.sum(axis=1, dtype=np.int32 if small else np.int64)
    if values.min() < 0 or (total != pixels).any():
        total = values.sum(axis=1, dtype=np.int64)
        wrong = (values.min(axis=1) < 0) | (total != pixels)
        row = int(wrong.argmax())
        raise RunLengthError(
            row,
            f'expected an RLE that covers {pixels[row]} pixels, got runs that cover {total[row]} '
            f'(shortest {values[row].min()})',
        )

    # Runs of foreground less runs of background.
    surplus = (values * signs).sum(axis=1, dtype=np.int32)
    rest = np.where(signs[rows, final] < 0, values[rows, final], 0)
    # What begins at the end of the frame is no foreground.
    signs[rows, final] = np.maximum(signs[rows, final], 0)
    return Runs(values, signs, (total + surplus) // 2, first.astype(np.int64), pixels - rest)


def _groups(
    strings: Sequence[str] | Sequence[bytes], shape: tuple[int, int], characters: int
) -> np.ndarray:
    """The groups of six bits that characters stand for, padded to rows; flat, uint8."""
    kinds = set(map(type, strings))
    if kinds != {bytes}:
        if bytes in kinds:
            strings = [s.decode('latin-1') if isinstance(s, bytes) else s for s in strings]
        text = ''.join([string.ljust(shape[1], _PADDING) for string in strings])
        try:
            encoded = text.encode('latin-1')
        except UnicodeEncodeError as error:
            row = error.start // shape[1]
            raise RunLengthError(row, _characters(strings[row])) from None
    else:
        padding = _PADDING.encode('ascii')
        encoded = b''.join([string.ljust(shape[1], padding) for string in strings])
    groups = np.frombuffer(encoded, np.uint8) - np.uint8(_ZERO)
    if np.count_nonzero(groups < 64) != characters:
        row = next(
            row
            for row, string in enumerate(strings)
            if not all(
                _ZERO <= character <= _HIGHEST
                for character in (map(ord, string) if isinstance(string, str) else string)
            )
        )
        raise RunLengthError(row, _characters(strings[row]))
    return groups


def _numbers(groups: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(N, L) int32: each group's value times its place; the values of a number add up to it."""
    goes_on = (groups & 32) != 0
    # Five bits and a sign, or five bits and the continuation bit: 32 less in both cases.
    less = (groups >= 16).view(np.uint8) * np.uint8(32)
    small = (groups - less).view(np.int8).astype(np.int16)
    small[1:] *= (goes_on[:-1].view(np.uint8) * np.uint8(31) + np.uint8(1)).astype(np.int16)
    values = small.astype(np.int32)
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
    """Signs (N, L) int8: -1 where a run of background ends, 1 where one of foreground does.

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
    background = whole & odd
    signs = (whole - background - background).view(np.int8)

    count = np.cumsum(ends_run[:, : 3 * MAX_DIGITS], axis=1, dtype=np.int32)
    third = np.where(count[:, -1] >= 3, (count < 3).sum(axis=1), -1)
    return signs, (count < 1).sum(axis=1), third


def _characters(counts: str | bytes) -> str:
    return f'expected the characters of a compressed RLE, got {counts[:40]!r}'
