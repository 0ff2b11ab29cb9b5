"""How an object's pixels lie in a video, made to tell quickly what many runs share with it.

RLEs go through a frame column by column. Nearly all runs of real masks lie in one column, and most
columns have one run, so the object is held as a table with the first and last place of its run in
every column of the video. Masks with many runs in a column, noise above all, have another form: the
pixels that the object has among the first x ones of the video are a function F(x) that rises within
its runs and is level between them. What a run from a to b shares with it is F(b) - F(a).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .tube_runs import TubeRuns

# Pairs of runs to compare at once; with more of them the tables of a long video leave the cache.
LOOKUPS = 10_000
# Most runs in a column for which there are tables, which each take 8 bytes for a column.
MOST_LEVELS = 6
MOST_CELLS = 2**24  # of a table: 128 MB


@dataclass(frozen=True, eq=False, slots=True)
class ColumnProfile:
    """An object as tables over the C columns of a video of T frames.

    Attributes:
        height: height of the frames in pixels.
        levels: (L, 2, C + 1) where the first, second, ... run of a column begins and ends, counted
            in pixels from the video's start; 0 and 0 where it has none.
        depth: (T,) how many levels a frame has.
    """

    height: int
    levels: np.ndarray
    depth: np.ndarray

    def shared(self, runs: TubeRuns, begin: int, end: int) -> np.ndarray:
        """Pixels in common with some frames of a tube.

        Args:
            runs: the tube.
            begin: the first of the frames.
            end: the frame after the last one.

        Returns:
            One number for each frame, int64.
        """
        top, bottom = runs.spans(begin, end)
        starts = runs.bounds[begin:end] - runs.bounds[begin]
        top, bottom, column, pieces = _split(top, bottom, self.height)
        if pieces is not None:
            starts = pieces[starts]
        column = column.astype(np.intp)
        common = np.zeros_like(top)
        for tops, bottoms in self.levels[: self.depth[begin:end].max(initial=0)]:
            overlap = np.minimum(bottom, bottoms.take(column, mode='clip'))
            overlap -= np.maximum(top, tops.take(column, mode='clip'))
            common += np.maximum(overlap, 0, out=overlap)
        return np.add.reduceat(common, starts, dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class StepProfile:
    """An object of a video of T frames as the function F.

    Attributes:
        edges: (E,) float64, where its runs begin and end, strictly rising.
        before: (E,) float64, its pixels before each edge.
        frames: (T + 1,) index of the first edge of each frame.
    """

    edges: np.ndarray
    before: np.ndarray
    frames: np.ndarray

    def shared(self, runs: TubeRuns, begin: int, end: int) -> np.ndarray:
        """Pixels in common with some frames of a tube.

        Args:
            runs: the tube.
            begin: the first of the frames.
            end: the frame after the last one.

        Returns:
            One number for each frame, int64.
        """
        if self.frames[end] == self.frames[begin]:
            return np.zeros(end - begin, np.int64)
        # The edge at which a frame begins may be the one at which the frame before it ended.
        here = slice(max(0, self.frames[begin] - 1), self.frames[end] + 1)
        values = [
            np.interp(edges, self.edges[here], self.before[here])
            for edges in runs.spans(begin, end)
        ]
        starts = runs.bounds[begin:end] - runs.bounds[begin]
        return np.add.reduceat(values[1] - values[0], starts).astype(np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Profile:
    """An object of a video of T frames.

    Attributes:
        form: tells what runs share with it.
        areas: (T,) int64, its pixels in each frame.
        first: (T,) int64, where it begins in each frame, counted from the video's start.
        last: (T,) int64, where it ends; 0 where it is absent.
    """

    form: ColumnProfile | StepProfile
    areas: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def largest_iou(self, runs: TubeRuns) -> float:
        """What the IoU with a tube can be at most, by areas in each frame and where they lie."""
        common = np.minimum(runs.last, self.last) - np.maximum(runs.first, self.first)
        np.minimum(common, runs.areas, out=common)
        np.minimum(common, self.areas, out=common)
        shared = int(np.maximum(common, 0, out=common).sum())
        union = int(runs.areas.sum() + self.areas.sum()) - shared
        return shared / union if union else 0.0

    def shared(self, runs: TubeRuns) -> np.ndarray:
        """Pixels in common with a tube, frame by frame, (T,) int64."""
        shared = np.zeros(len(runs.areas), np.int64)
        near = np.flatnonzero((runs.first < self.last) & (runs.last > self.first))
        if not len(near):
            return shared
        first, last = int(near[0]), int(near[-1]) + 1
        pairs = int(runs.bounds[last] - runs.bounds[first])
        step = max(1, (last - first) * LOOKUPS // pairs)
        for begin in range(first, last, step):
            end = min(begin + step, last)
            shared[begin:end] = self.form.shared(runs, begin, end)
        return shared


def make_profile(runs: TubeRuns) -> Profile:
    """Prepare an object for comparisons.

    Args:
        runs: the object.

    Returns:
        Its profile.
    """
    form = _column_profile(runs)
    return Profile(form or _step_profile(runs), runs.areas, runs.first, runs.last)


def _column_profile(runs: TubeRuns) -> ColumnProfile | None:
    """The tables, or None if there would be too many."""
    length = len(runs.areas)
    top, bottom = runs.spans(0, length)
    full = bottom > top
    if not full.all():
        top, bottom = top[full], bottom[full]
    top, bottom, column, _ = _split(top, bottom, runs.height)
    level = _repeats(column)
    depth = np.zeros(length, np.int64)
    np.maximum.at(depth, column // runs.width, level + 1)
    # One column more: in masks that end with background, a run of no pixels follows the last one.
    shape = depth.max(initial=0), 2, length * runs.width + 1
    if shape[0] > MOST_LEVELS or math.prod(shape) > MOST_CELLS:
        return None
    levels = np.zeros(shape, top.dtype)
    levels[level, 0, column] = top
    levels[level, 1, column] = bottom
    return ColumnProfile(runs.height, levels, depth)


def _repeats(column: np.ndarray) -> np.ndarray:
    """How many times the same number stood just before; the numbers rise."""
    index = np.arange(len(column))
    is_new = np.diff(column, prepend=-1) > 0
    return index - np.maximum.accumulate(np.where(is_new, index, 0))


def _split(
    top: np.ndarray, bottom: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Cut runs where a column ends.

    Args:
        top: (N,) where they begin.
        bottom: (N,) where they end.
        height: pixels of a column.

    Returns:
        Where the pieces begin and end, their columns, and (N,) the first piece of each run; None
        where nothing was cut.
    """
    column = top // height
    crossing = bottom > (column + 1) * height
    if not crossing.any():
        return top, bottom, column, None
    pieces = np.ones(len(top), np.int64)
    pieces[crossing] += (bottom[crossing] - 1) // height - column[crossing]
    run = np.repeat(np.arange(len(top)), pieces)
    first = np.cumsum(pieces) - pieces
    column = column[run] + (np.arange(len(run)) - first[run]).astype(column.dtype)
    top = np.maximum(top[run], column * height)
    return top, np.minimum(bottom[run], (column + 1) * height), column, first


def _step_profile(runs: TubeRuns) -> StepProfile:
    begins_and_ends = np.stack(runs.spans(0, len(runs.areas)), axis=1)
    before = np.cumsum(np.stack([np.zeros_like(runs.foreground), runs.foreground], 1), dtype=float)
    edges = begins_and_ends.astype(float).ravel()
    # Where F is level or rises, one interval lies: empty runs and the ends of touching ones go out.
    keep = np.diff(edges, append=np.inf) > 0
    kept = np.concatenate([[0], np.cumsum(keep)])
    return StepProfile(edges[keep], before[keep], kept[2 * runs.bounds])
