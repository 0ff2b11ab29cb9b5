"""Run-length encoding of many masks at once, in NumPy, to the bytes that pycocotools makes.

Masks lie row by row in memory and RLEs go column by column. Instead of turning the pixels around,
the places where a column changes are found eight pixels at a time, and only they are sorted.
"""

from __future__ import annotations

import numpy as np

# Pixels at a time: the fewer, the more the calls cost beside them; more leave the cache.
_PIXELS = 2**22


def encode_masks(masks: np.ndarray) -> list[bytes]:
    """Compress masks.

    Args:
        masks: (N, H, W) bool, with at least one pixel each.

    Returns:
        N compressed ``counts``.
    """
    number, height, width = masks.shape
    pixels = height * width
    step = max(1, _PIXELS // pixels)
    parts = [_edges(masks[begin : begin + step]) for begin in range(0, number, step)]
    runs = np.concatenate([np.bincount(edges // pixels, minlength=n) for edges, n in parts]) + 1
    # One past the last pixel of a mask ends its last run.
    last = np.cumsum(runs) - 1
    edges = np.concatenate([edges + k * step * pixels for k, (edges, _) in enumerate(parts)])
    ends = np.insert(edges, last - np.arange(number), np.arange(1, number + 1) * pixels)
    lengths = np.diff(ends, prepend=0).astype(np.int32)
    # From the fourth run on it is the difference to the last but one that is stored.
    values = lengths.copy()
    values[2:] -= lengths[:-2]
    for n in range(3):
        place = (last - runs + 1 + n)[runs > n]
        values[place] = lengths[place]
    text, ends = _groups(values)
    bounds = [0, *ends[last].tolist()]
    return [text[begin:end] for begin, end in zip(bounds, bounds[1:])]


def _edges(masks: np.ndarray) -> tuple[np.ndarray, int]:
    """Where runs end, column by column through all masks, rising, and the number of masks."""
    number, height, width = masks.shape
    padded = -(-width // 8) * 8
    if padded != width or not masks.flags.c_contiguous:
        whole = np.zeros((number, height, padded), bool)
        whole[..., :width] = masks
    else:
        whole = masks
    words = whole.view(np.uint64)
    covered = np.bitwise_or.reduce(np.bitwise_or.reduce(words, axis=0), axis=1)
    rows = np.flatnonzero(covered)
    if not len(rows):
        return rows, number
    # Nothing changes in other rows. What is at the bottom of a column ends at the top of the next.
    first = 0 if rows[-1] == height - 1 else int(rows[0])
    words = words[:, first : rows[-1] + 2]
    changes = np.empty_like(words)
    np.bitwise_xor(words[:, 1:], words[:, :-1], out=changes[:, 1:])
    changes[:, 0] = words[:, 0]
    single = changes.view(np.uint8)
    if first == 0:
        single[:, 0, 1:width] ^= masks[:, -1, :-1].view(np.uint8)
    found = np.flatnonzero(changes.ravel() != 0)
    within = np.flatnonzero(single.reshape(-1, 8)[found].ravel())
    row, column = np.divmod(found[within >> 3] * 8 + (within & 7), padded)
    mask, row = np.divmod(row, words.shape[1])
    return np.sort((mask * width + column) * height + first + row), number


def _groups(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Numbers as characters for five bits each, the lowest first, and where each ends; changes
    them."""
    sizes = np.ones(len(values), np.int64)
    magnitude = values ^ (values >> 31)
    limit = 16
    while (longer := np.flatnonzero(magnitude >= limit)).size:
        sizes[longer] += 1
        limit *= 32
    ends = np.cumsum(sizes)
    start = ends - sizes
    text = np.empty(int(ends[-1]), np.uint8)
    here = np.arange(len(values))
    while len(here):
        goes_on = sizes[here] > 1
        text[start[here]] = (values[here] & 31) + (48 + 32 * goes_on.astype(np.int32))
        here = here[goes_on]
        values[here] >>= 5
        sizes[here] -= 1
        start[here] += 1
    return text.tobytes(), ends
