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
from mmtmt.structures.run_boundaries import (
    RunBoundaries,
    RunLengthError,
    decode_boundaries,
)

from .tubes import Tube

# Characters to decode at once: each call costs as much as some 30,000 characters.
BLOCK = 100_000


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
        first: (T,) int64, where it begins in each frame.
        last: (T,) int64, where it ends; not beyond `first` where it is absent.
    """

    edges: np.ndarray
    before: np.ndarray
    frames: np.ndarray
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True, eq=False)
class _Block:
    """Decoded masks of several tubes; N rows.

    Attributes:
        tube: (N,) which of the tubes.
        frame: (N,) which frame.
        runs: the masks.
    """

    tube: np.ndarray
    frame: np.ndarray
    runs: RunBoundaries


def measure(
    masks: Sequence[PackedTube],
    profiles: Sequence[Profile] = (),
    wanted: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Areas of tubes, and what they share with objects of the same video.

    Args:
        masks: N tubes of a video of T frames, at least one.
        profiles: G objects of the video.
        wanted: (N, G) bool, which of the intersections to compute; None for all.

    Returns:
        The areas in every frame (N, T) int64, and the intersections in pixels (N, G) int64, 0
        where none was wanted.

    Raises:
        MaskError: if a mask is no RLE of its frame.
    """
    if wanted is None:
        wanted = np.ones((len(masks), len(profiles)), bool)
    areas = np.zeros((len(masks), len(masks[0])), np.int64)
    shared = np.zeros(wanted.shape)
    for block in _decode(masks):
        areas[block.tube, block.frame] = block.runs.areas
        for g, rows, pixels in _intersect(block, masks, profiles, wanted):
            shared[:, g] += np.bincount(block.tube[rows], pixels, len(masks))
    return areas, shared.astype(np.int64)


def make_profiles(masks: Sequence[PackedTube]) -> list[Profile]:
    """Profiles of the objects of a video.

    Args:
        masks: G tubes of T frames.

    Returns:
        G profiles.

    Raises:
        MaskError: if a mask is no RLE of its frame.
    """
    if not masks:
        return []
    length, pixels = len(masks[0]), masks[0].height * masks[0].width
    # The objects lie one after the other, a pixel apart so that they never touch.
    stride = length * pixels + 1
    first, last, counts = np.zeros((3, len(masks) * length), np.int64)
    parts = [np.zeros(0, np.int64)]
    for block in _decode(masks, in_order=True):
        place, start = block.tube * length + block.frame, block.frame * pixels
        first[place] = start + block.runs.first
        last[place] = start + block.runs.last
        found = block.runs.signs != 0
        counts[place] = found.sum(axis=1)
        parts.append((block.runs.ends + (start + block.tube * stride)[:, None])[found])
    edges = np.concatenate(parts)
    # Every second interval is a run. Empty intervals go out: F has no jumps.
    run = np.diff(edges, prepend=-1)
    before = np.cumsum(np.where(np.arange(len(edges)) % 2, run, 0))[run > 0].astype(float)
    kept = np.concatenate([[0], np.cumsum(run > 0)])
    frames = kept[np.concatenate([[0], np.cumsum(counts)])]
    edges = edges[run > 0]
    profiles = []
    for g in range(len(masks)):
        place = slice(g * length, (g + 1) * length)
        bounds = frames[place.start : place.stop + 1]
        here = slice(bounds[0], bounds[-1])
        profiles.append(
            Profile(
                (edges[here] - g * stride).astype(float),
                before[here],
                bounds - bounds[0],
                first[place],
                last[place],
            )
        )
    return profiles


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
    wanted = np.ones((len(results), len(objects)), bool)
    for block in _decode(masks):
        for g, rows, pixels in _intersect(block, masks, profiles, wanted):
            shared[block.frame[rows], block.tube[rows], g] = pixels
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
    union = totals[0][:, None] + totals[1] - shared
    return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)


def _decode(masks: Sequence[PackedTube], in_order: bool = False) -> Iterator[_Block]:
    """Decode all masks, those of similar length together, or in the order of tube and frame."""
    present = [np.flatnonzero(tube.present) for tube in masks]
    strings = [string for tube in masks for string in tube.strings()]
    if not strings:
        return
    tube = np.repeat(np.arange(len(masks)), [len(frames) for frames in present])
    frame = np.concatenate(present)
    pixels = np.array([mask.height * mask.width for mask in masks])[tube]
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    order = np.arange(len(strings)) if in_order else np.argsort(lengths)
    number = np.cumsum(lengths[order]) // BLOCK
    for rows in np.split(order, np.flatnonzero(np.diff(number)) + 1):
        try:
            runs = decode_boundaries([strings[row] for row in rows.tolist()], pixels[rows])
        except RunLengthError as error:
            row = rows[error.row]
            raise MaskError(int(tube[row]), f'segmentations[{frame[row]}]: {error}') from error
        yield _Block(tube[rows], frame[rows], runs)


def _intersect(
    block: _Block, masks: Sequence[PackedTube], profiles: Sequence[Profile], wanted: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield per object, as far as there are any, the rows that share pixels with it, and how
    many."""
    if not wanted[block.tube].any():
        return
    start = block.frame * (masks[0].height * masks[0].width)
    first, last = start + block.runs.first, start + block.runs.last
    for g, profile in enumerate(profiles):
        rows = np.flatnonzero(
            wanted[block.tube, g]
            & (first < profile.last[block.frame])
            & (last > profile.first[block.frame])
        )
        if not len(rows):
            continue
        frames = block.frame[rows]
        # The edge at which a frame begins may be the one at which the frame before it ended.
        near = slice(
            max(0, profile.frames[frames.min()] - 1), profile.frames[frames.max() + 1]
        )
        before = np.interp(
            block.runs.ends[rows] + start[rows, None].astype(float),
            profile.edges[near],
            profile.before[near],
        )
        yield g, rows, np.einsum('nl,nl->n', before, block.runs.signs[rows].astype(float))
