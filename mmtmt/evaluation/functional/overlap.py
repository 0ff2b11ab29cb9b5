"""Overlap of tubes: intersections summed over the frames, by unions summed over the frames.

Nothing is decoded to pixels. For an object, the pixels that it has among the first x ones of the
video are a function F(x) that rises within its runs and is level between them. What a run from a
to b shares with the object is F(b) - F(a), so a linear interpolation gives the intersections of
all runs of many masks at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.runs import RunLengthError, Runs, decode_runs

from .tubes import Tube

# Characters to decode at once: each call costs as much as some 30,000 characters.
BLOCK = 250_000
# Places to look up at once; with more of them the tables of a long video leave the cache.
LOOKUPS = 20_000
Strings = Sequence[list[str] | list[bytes]]


class MaskError(ValueError):
    """A mask of one of several tubes is no RLE of its frame.

    Args:
        tube: Which of the tubes.
        message: The frame and what is wrong.
    """

    def __init__(self, tube: int, message: str) -> None:
        super().__init__(message)
        self.tube = tube


@dataclass(frozen=True, eq=False)
class Profile:
    """How an object's pixels lie in a video of T frames, whose pixels are counted from its start.

    Attributes:
        edges: (E,) float64, where its runs begin and end, strictly rising.
        before: (E,) float64, its pixels before each edge.
        frames: (T + 1,) index of the first edge of each frame.
        areas: (T,) int64, its pixels in each frame.
        first: (T,) int64, where it begins in each frame.
        last: (T,) int64, where it ends; 0 where it is absent.
    """

    edges: np.ndarray
    before: np.ndarray
    frames: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True, eq=False)
class _Block:
    """Decoded masks of B whole tubes of T frames, R in all.

    Attributes:
        tubes: (B,) which of the tubes.
        row_tube: (R,) position in `tubes` of each mask's tube.
        row_frame: (R,) frame of each mask.
        areas: (B, T) int64, pixels in each frame.
        first: (B, T) int64, where the foreground of a frame begins, counted from the video's start.
        last: (B, T) int64, where it ends; 0 where there is none.
        chunks: pairs of which of the R masks, and their runs.
    """

    tubes: np.ndarray
    row_tube: np.ndarray
    row_frame: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray
    chunks: list[tuple[np.ndarray, Runs]]


def measure(
    masks: Sequence[PackedTube],
    profiles: Sequence[Profile] = (),
    wanted: np.ndarray | None = None,
    *,
    least_iou: float = 0.0,
    strings: Strings | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Areas of tubes, and what they share with objects of the same video.

    Args:
        masks: N tubes of a video of T frames, at least one.
        profiles: G objects of the video.
        wanted: (N, G) bool, which of the intersections to compute; None for all.
        least_iou: leave out intersections that can't make an IoU as large as this.
        strings: the ``counts`` of the masks, frame by frame, when they are at hand.

    Returns:
        The areas in every frame (N, T) int64, and the intersections in pixels (N, G) int64, 0
        where they were left out.

    Raises:
        MaskError: if a mask is no RLE of its frame.
    """
    if wanted is None:
        wanted = np.ones((len(masks), len(profiles)), bool)
    areas = np.zeros((len(masks), len(masks[0])), np.int64)
    shared = np.zeros(wanted.shape)
    for block in _decode(masks, strings):
        areas[block.tubes] = block.areas
        pairs = wanted[block.tubes]
        if least_iou > 0 and pairs.any():
            pairs = pairs & (_largest_iou(block, profiles) >= least_iou)
        for g, rows, pixels in _intersect(block, masks[0], profiles, pairs):
            shared[block.tubes, g] += np.bincount(block.row_tube[rows], pixels, len(block.tubes))
    return areas, shared.astype(np.int64)


def make_profiles(masks: Sequence[PackedTube], strings: Strings | None = None) -> list[Profile]:
    """Profiles of the objects of a video.

    Args:
        masks: G tubes of T frames.
        strings: the ``counts`` of the masks, frame by frame, when they are at hand.

    Returns:
        G profiles.

    Raises:
        MaskError: if a mask is no RLE of its frame.
    """
    profiles = [
        Profile(np.zeros(0), np.zeros(0), np.zeros(len(tube) + 1, int), *_nothing(1, len(tube))[0])
        for tube in masks
    ]
    for block in _decode(masks, strings):
        pixels = masks[0].height * masks[0].width
        length = len(masks[0])
        # The tubes of the block lie one after the other, a pixel apart so that they never touch.
        stride = length * pixels + 1
        start = block.row_frame * pixels + block.row_tube * stride
        edges, counts = _edges(block, start)
        in_frame = np.zeros((len(block.tubes), length), np.int64)
        in_frame[block.row_tube, block.row_frame] = counts
        interval = np.diff(edges, prepend=-1)
        keep = interval > 0
        # Every second interval is a run. Empty ones go out: F has no jumps.
        before = np.cumsum(np.where(np.arange(len(edges)) % 2, interval, 0))[keep].astype(float)
        kept = np.concatenate([[0], np.cumsum(keep)])
        bounds = kept[np.concatenate([[0], np.cumsum(in_frame)])]
        edges = edges[keep]
        for b, g in enumerate(block.tubes.tolist()):
            frames = bounds[b * length : (b + 1) * length + 1]
            here = slice(frames[0], frames[-1])
            profiles[g] = Profile(
                (edges[here] - b * stride).astype(float),
                before[here],
                frames - frames[0],
                block.areas[b],
                block.first[b],
                block.last[b],
            )
    return profiles


def _edges(block: _Block, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the runs of a block's foreground begin and end, in the order of the R masks.

    Args:
        block: the block.
        start: (R,) where each mask begins.

    Returns:
        The edges, and their number in each mask (R,).
    """
    counts = np.zeros(len(start), np.int64)
    parts: list[np.ndarray] = [np.zeros(0, np.int64)] * len(start)
    for rows, runs in block.chunks:
        found = runs.signs != 0
        counts[rows] = found.sum(axis=1)
        edges = (runs.ends(slice(None)) + start[rows, None])[found]
        if len(rows) == len(start):
            return edges, counts
        for row, part in zip(rows.tolist(), np.split(edges, np.cumsum(counts[rows])[:-1])):
            parts[row] = part
    return np.concatenate(parts), counts


def frame_intersections(results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """Pixels that each result shares with each object, frame by frame.

    Args:
        results: D tubes of a video of T frames.
        objects: G tubes of the same video.

    Returns:
        (T, D, G) int64.
    """
    length = max((len(tube.masks) for tube in (*results, *objects)), default=0)
    shared = np.zeros((length, len(results), len(objects)), np.int64)
    masks = [tube.masks for tube in results]
    profiles = make_profiles([tube.masks for tube in objects])
    for block in _decode(masks):
        pairs = np.ones((len(block.tubes), len(objects)), bool)
        for g, rows, pixels in _intersect(block, masks[0], profiles, pairs):
            shared[block.row_frame[rows], block.tubes[block.row_tube[rows]], g] = pixels
    return shared


def tube_iou(results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """Spatio-temporal IoU.

    Args:
        results: D tubes of a video.
        objects: G tubes of the same video.

    Returns:
        (D, G) float64; 0 where both tubes are empty.
    """
    if not results:
        return np.zeros((0, len(objects)))
    profiles = make_profiles([tube.masks for tube in objects])
    _, shared = measure([tube.masks for tube in results], profiles)
    return iou_of(shared, results, objects)


def iou_of(shared: np.ndarray, results: Sequence[Tube], objects: Sequence[Tube]) -> np.ndarray:
    """IoU from intersections.

    Args:
        shared: (D, G) pixels in common.
        results: D tubes.
        objects: G tubes.

    Returns:
        (D, G) float64; 0 where both tubes are empty.
    """
    totals = [np.array([tube.areas.sum() for tube in side], int) for side in (results, objects)]
    return _ratio(shared, totals[0][:, None] + totals[1] - shared)


def _ratio(shared: np.ndarray, union: np.ndarray) -> np.ndarray:
    return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)


def _nothing(tubes: int, length: int) -> np.ndarray:
    """(B, 3, T) int64: no areas, first or last pixels."""
    return np.zeros((tubes, 3, length), np.int64)


def _decode(masks: Sequence[PackedTube], strings: Strings | None = None) -> Iterator[_Block]:
    """Decode all masks, tubes of similar string lengths together."""
    # When a block of 16 MB is freed, glibc begins to keep smaller ones for the next use instead of
    # returning them to the system, which takes a third off the time. Elsewhere this does nothing.
    np.empty(2**24, np.uint8)
    if strings is None:
        strings = [tube.strings() for tube in masks]
    sizes = np.array([tube.num_bytes for tube in masks])
    order = np.argsort([tube.num_bytes / max(len(s), 1) for tube, s in zip(masks, strings)])
    for tubes in _cut(order[sizes[order] > 0], sizes):
        lengths = [len(strings[n]) for n in tubes.tolist()]
        row_tube = np.repeat(np.arange(len(tubes)), lengths)
        row_frame = np.concatenate([np.flatnonzero(masks[n].present) for n in tubes])
        texts = [string for n in tubes.tolist() for string in strings[n]]
        pixels = np.full(len(texts), masks[0].height * masks[0].width)
        areas, first, last = _nothing(len(tubes), len(masks[0])).transpose(1, 0, 2).copy()
        chunks = []
        for rows in _chunks(texts):
            try:
                runs = decode_runs([texts[row] for row in rows.tolist()], pixels[rows])
            except RunLengthError as error:
                row = rows[error.row]
                tube = int(tubes[row_tube[row]])
                raise MaskError(tube, f'segmentations[{row_frame[row]}]: {error}') from error
            place = row_tube[rows], row_frame[rows]
            start = row_frame[rows] * pixels[rows]
            areas[place] = runs.areas
            first[place] = start + runs.first
            last[place] = np.where(runs.areas > 0, start + runs.last, 0)
            chunks.append((rows, runs))
        yield _Block(tubes, row_tube, row_frame, areas, first, last, chunks)


def _cut(order: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    """Parts of about `BLOCK` in total size, of one item at least."""
    number = np.cumsum(sizes[order]) // BLOCK
    return [part for part in np.split(order, np.flatnonzero(np.diff(number)) + 1) if len(part)]


def _chunks(texts: Sequence[str] | Sequence[bytes]) -> list[np.ndarray]:
    """Rows to decode together: all of them, unless a few long ones would pad the others too far."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    rows = np.arange(len(texts))
    if len(texts) * lengths.max() <= 2 * lengths.sum() + BLOCK:
        return [rows]
    digits = np.frexp(lengths)[1]
    return [part for d in np.unique(digits) for part in _cut(rows[digits == d], lengths)]


def _largest_iou(block: _Block, profiles: Sequence[Profile]) -> np.ndarray:
    """(B, G) what the IoU can be at most, by the areas in each frame and where they lie."""
    sides = [np.array([getattr(p, name) for p in profiles]) for name in ('areas', 'first', 'last')]
    areas, first, last = (side[None] for side in sides)
    common = np.minimum(block.last[:, None], last) - np.maximum(block.first[:, None], first)
    shared = np.minimum(np.minimum(block.areas[:, None], areas), common).clip(min=0).sum(axis=2)
    return _ratio(shared, block.areas.sum(axis=1)[:, None] + areas.sum(axis=2) - shared)


def _intersect(
    block: _Block, like: PackedTube, profiles: Sequence[Profile], pairs: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the masks of a block that share pixels with an object, and how many.

    Args:
        block: masks of B tubes.
        like: a tube that tells the size of the frames.
        profiles: G objects.
        pairs: (B, G) bool, which to look at.

    Yields:
        Which object, rows of the block and pixels.
    """
    start = block.row_frame * (like.height * like.width)
    for g in np.flatnonzero(pairs.any(axis=0)).tolist():
        profile = profiles[g]
        near = (block.first < profile.last) & (block.last > profile.first) & pairs[:, g, None]
        row_near = near[block.row_tube, block.row_frame]
        for rows, runs in block.chunks:
            here = np.flatnonzero(row_near[rows])
            for part in np.split(here, range(step := _rows_at_once(runs), len(here), step)):
                if len(part):
                    frames = block.row_frame[rows]
                    yield g, rows[part], _shared(runs, part, frames, start[rows], profile)


def _rows_at_once(runs: Runs) -> int:
    return max(1, LOOKUPS // runs.lengths.shape[1])


def _shared(
    runs: Runs, part: np.ndarray, frames: np.ndarray, start: np.ndarray, profile: Profile
) -> np.ndarray:
    """Pixels that a part of a chunk's masks shares with an object.

    Args:
        runs: the masks of the chunk.
        part: which of them.
        frames: the frames of all of them.
        start: where these frames begin in the video.
        profile: the object.

    Returns:
        Pixels of each mask of the part.
    """
    frames = frames[part]
    # The edge at which a frame begins may be the one at which the frame before it ended.
    near = slice(max(0, profile.frames[frames.min()] - 1), profile.frames[frames.max() + 1])
    before = np.interp(
        runs.ends(part) + start[part, None].astype(float),
        profile.edges[near],
        profile.before[near],
    )
    return np.einsum('nl,nl->n', before, runs.signs[part].astype(float))
