"""Json of the YouTube-VIS form, with tubes packed as they are read.

A results file is mostly RLEs, all written the same way: what stands between the strings is known
after the first. So a list of segmentations is split there in one step instead of being made into a
dictionary for each frame. Lists of any other form are read as json.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from .packed_tube import PackedTube

_KEY = '"segmentations"'
# Entries with more characters before their segmentations are read as json.
_LONGEST_HEAD = 2**14
_BLANKS = r'[ \t\n\r]*'
# Behind the key: nulls and a first RLE as they must be, so that lists of any other form are left to
# json before anybody looks for their end.
_OPENING = re.compile(
    f'{_BLANKS}:{_BLANKS}' + r'(\[)' + f'(?:{_BLANKS}null{_BLANKS},)*{_BLANKS}'
    + r'\{"size": ?\[\d+, ?\d+\], ?"counts": ?"[^"]*"\}'
)
# The end of a list is looked for in stretches of so many characters.
_STRETCH = 2**16
# No json string holds this character, so that it can stand for an escaped backslash.
_BACKSLASH = '\x01'


class TubeDecoder(json.JSONDecoder):
    """A decoder of single entries: annotations or results.

    Where the ``segmentations`` of an entry are compressed RLEs of one size and null, they come as a
    `PackedTube` of that size, whose strings nobody has looked at. All else is as `json` has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[str, tuple[int, int] | None] = {}

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        """Decode a value.

        Args:
            s: The text.
            idx: Where the value begins.

        Returns:
            The value, and where it ends.
        """
        found = self._entry(s, idx) if s.startswith('{', idx) else None
        return found or super().raw_decode(s, idx)

    def _entry(self, text: str, begin: int) -> tuple[dict, int] | None:
        key = text.find(_KEY, begin, begin + _LONGEST_HEAD)
        opening = _OPENING.match(text, key + len(_KEY)) if key >= 0 else None
        if opening is None:
            return None
        start = opening.start(1)
        end = _end_of_list(text, opening.end() - 1)
        tube = self._tube(text[start:end])
        if tube is None:
            return None
        try:
            head = super().decode(text[begin:start] + '0}')
            tail, end = self._tail(text, end)
        except json.JSONDecodeError:
            return None
        if head.get(_KEY[1:-1]) != 0 or _KEY[1:-1] in tail:
            return None
        return {**head, _KEY[1:-1]: tube, **tail}, end

    def _tail(self, text: str, end: int) -> tuple[dict, int]:
        """The rest of an entry after its segmentations, and where it ends."""
        if text.startswith('}', end):
            return {}, end + 1
        rest = text[end : end + _LONGEST_HEAD].lstrip()
        removed = len(text[end : end + _LONGEST_HEAD]) - len(rest)
        if not rest.startswith((',', '}')):
            raise json.JSONDecodeError('expected a comma', text, end)
        comma = rest.startswith(',')
        tail, length = super().raw_decode('{' + rest[comma:].lstrip())
        removed += len(rest) - comma - len(rest[comma:].lstrip()) + comma
        if comma and not tail:
            raise json.JSONDecodeError('expected a key', text, end)
        return tail, end + removed + length - 1

    def _tube(self, body: str) -> PackedTube | None:
        """A tube from the text of its list."""
        first = body.find('{')
        counts = body.find('"counts"', first, first + 100)
        before = body[first : body.find('"', counts + 8) + 1]
        if first < 0 or counts < 0 or before + '"' in body:
            return None
        if before not in self._sizes:
            self._sizes[before] = self._size(before)
        size = self._sizes[before]
        if size is None:
            return None
        # Splitting and joining takes half the time of `str.replace`.
        if '\\' in body:
            if _BACKSLASH in body:
                return None
            body = _BACKSLASH.join(body.split('\\\\'))
            if '\\' in body:
                return None
        body = (before + '"}').join(body.split('null'))
        comma = ', ' if ', ' in before else ','
        if not body.startswith('[' + before):
            return None
        strings = body[1 + len(before) : -len('"}]')].split('"}' + comma + before)
        text = ''.join(strings)
        if '"' in text or not text.isascii():
            return None
        ends = np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)))
        blob = text.replace(_BACKSLASH, '\\').encode('ascii')
        return PackedTube(*size, blob, ends)

    def _size(self, before: str) -> tuple[int, int] | None:
        """Height and width in what stands before the string of an RLE."""
        try:
            rle = super().decode(before + '"}')
        except json.JSONDecodeError:
            return None
        size = rle['size'] if isinstance(rle, dict) and list(rle) == ['size', 'counts'] else None
        if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            return None
        return size[0], size[1]


def _end_of_list(text: str, start: int) -> int:
    """Where a list ends whose last element is an RLE or null; the text's end if it doesn't."""
    # Neither ending can stand in a string: RLEs have the characters '0' to 'o'. Both are looked for
    # in one stretch after the other: one of them may be nowhere near.
    while start < len(text):
        stop = start + _STRETCH
        end = text.find('}]', start, stop)
        null = text.find('null]', start, stop if end < 0 else end)
        if null >= 0:
            return null + len('null]')
        if end >= 0:
            return end + len('}]')
        start = max(stop - len('null]') + 1, start + 1)
    return len(text)
