"""How an object's pixels lie in a video, made to tell quickly what many runs share with it.

RLEs go through a frame column by column. Nearly all runs of real masks lie in one column, and most
columns have one run, so the object is held as a table with the first and last place of its run in
every column of the video. Masks with many runs in a column, noise above all, have another form: the
pixels that the object has among the first x ones of the video are a function F(x) that rises within
its runs and is level between them. What a run from a to b shares with it is F(b) - F(a).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .tube_runs import TubeRuns

# Runs to compare at once; with more of them the tables of a long video leave the cache.
LOOKUPS = 50_000
# Most runs in a column for which there are tables, which each take 8 bytes for a column.
MOST_LEVELS = 6
MOST_CELLS = 2**24  # of a table: 128 MB


@dataclass(frozen=True, eq=False, slots=True)
class Pieces:
    """Runs of a tube, cut where a column of the video ends; N pieces.

    Attributes:
        top: (N,) where they begin.
        bottom: (N,) where they end.
        column: (N,) intp, their columns, rising.
        bounds: the pieces of a frame are those from one bound to the next.
    """

    top: np.ndarray
    bottom: np.ndarray
    column: np.ndarray
    bounds: np.ndarray


class Section:
    """Some frames of a tube.

    Args:
        runs: the tube.
        begin: the first of the frames.
        end: the frame after the last one.
    """

    def __init__(self, runs: TubeRuns, begin: int, end: int) -> None:
        self.frames = slice(begin, end)
        self.height = runs.height
        self.spans = runs.spans(begin, end)
        self.bounds = runs.bounds[begin : end + 1] - runs.bounds[begin]

    @cached_property
    def pieces(self) -> Pieces:
        """Its runs, cut where a column ends."""
        top, bottom = self.spans
        column = top // self.height
        below = column + 1
        below *= self.height
        crossing = np.flatnonzero(bottom > below)
        if not len(crossing):
            return Pieces(top, bottom, column.astype(np.intp), self.bounds)
        number = np.ones(len(top), np.int64)
        number[crossing] += (bottom[crossing] - 1) // self.height - column[crossing]
        first = np.concatenate([[0], np.cumsum(number)])
        run = np.repeat(np.arange(len(top)), number)
        column = column[run] + (np.arange(len(run)) - first[run]).astype(column.dtype)
        top = np.maximum(top[run], column * self.height)
        bottom = np.minimum(bottom[run], (column + 1) * self.height)
        return Pieces(top, bottom, column.astype(np.intp), first[self.bounds])


@dataclass(frozen=True, eq=False, slots=True)
class ColumnProfile:
    """An object as tables over the C columns of a video of T frames.

    Attributes:
        levels: (L, 2, C + 1) where the first, second, ... run of a column begins and ends, counted
            in pixels from the video's start; 0 and 0 where it has none. Where a column has a second
            run, the end of the first is negative.
        depth: (T,) the most runs in a column of a frame, at least 1.
    """

    levels: np.ndarray
    depth: np.ndarray

    def shared(self, section: Section) -> np.ndarray:
        """Pixels in common with a section of a tube.

        Args:
            section: of a tube of the same video.

        Returns:
            One number for each of its frames.
        """
        pieces = section.pieces
        top, bottom, column = pieces.top, pieces.bottom, pieces.column
        tops, bottoms = (lane.take(column, mode='clip') for lane in self.levels[0])
        deepest = self.depth[section.frames].max()
        if deepest > 1:
            # few columns have a second run, and hardly any a third
            deep = np.flatnonzero(bottoms < 0)
            bottoms[deep] *= -1
        common = _overlap(top, bottom, tops, bottoms)
        if deepest > 1:
            top, bottom, column = top[deep], bottom[deep], column[deep]
            for tops, bottoms in self.levels[1:deepest]:
                common[deep] += _overlap(top, bottom, tops[column], bottoms[column])
        return _sums(common, pieces.bounds)


def _overlap(
    top: np.ndarray, bottom: np.ndarray, tops: np.ndarray, bottoms: np.ndarray
) -> np.ndarray:
    """Lengths that intervals have in common with others."""
    overlap = np.minimum(bottom, bottoms)
    overlap -= np.maximum(top, tops)
    return np.maximum(overlap, 0, out=overlap)


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

    def shared(self, section: Section) -> np.ndarray:
        """Pixels in common with a section of a tube.

        Args:
            section: of a tube of the same video.

        Returns:
            One number for each of its frames.
        """
        begin, end = section.frames.start, section.frames.stop
        if self.frames[end] == self.frames[begin]:
            return np.zeros(end - begin, np.int64)
        # The edge at which a frame begins may be the one at which the frame before it ended.
        here = slice(max(0, self.frames[begin] - 1), self.frames[end] + 1)
        values = [
            np.interp(edges, self.edges[here], self.before[here]) for edges in section.spans
        ]
        return _sums(values[1] - values[0], section.bounds)


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

    def near(self, runs: TubeRuns) -> tuple[int, int]:
        """The first frame in which a tube comes near, and the one after the last."""
        frames = np.flatnonzero((runs.first < self.last) & (runs.last > self.first))
        return (int(frames[0]), int(frames[-1]) + 1) if len(frames) else (0, 0)


def make_profile(runs: TubeRuns) -> Profile:
    """Prepare an object for comparisons.

    Args:
        runs: the object.

    Returns:
        Its profile.
    """
    form = _column_profile(runs)
    return Profile(form or _step_profile(runs), runs.areas, runs.first, runs.last)


def shared_pixels(runs: TubeRuns, profiles: Sequence[Profile]) -> np.ndarray:
    """Pixels that a tube has in common with objects, frame by frame.

    Args:
        runs: a tube of T frames.
        profiles: G objects of the same video.

    Returns:
        (G, T) int64.
    """
    shared = np.zeros((len(profiles), len(runs.areas)), np.int64)
    ranges = [profile.near(runs) for profile in profiles]
    near = [g for g, (begin, end) in enumerate(ranges) if end]
    if not near:
        return shared
    first, last = min(ranges[g][0] for g in near), max(ranges[g][1] for g in near)
    number = int(runs.bounds[last] - runs.bounds[first])
    step = max(1, (last - first) * LOOKUPS // number)
    for begin in range(first, last, step):
        end = min(begin + step, last)
        here = [g for g in near if ranges[g][0] < end and ranges[g][1] > begin]
        if here and runs.areas[begin:end].any():
            section = Section(runs, begin, end)
            for g in here:
                shared[g, begin:end] = profiles[g].form.shared(section)
    return shared


def _sums(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sums from one bound to the next."""
    starts = bounds[:-1]
    full = bounds[1:] > starts
    if full.all():
        return np.add.reduceat(values, starts)
    sums = np.zeros(len(starts), values.dtype)
    sums[full] = np.add.reduceat(values, starts[full])
    return sums


def _column_profile(runs: TubeRuns) -> ColumnProfile | None:
    """The tables, or None if there would be too many."""
    length = len(runs.areas)
    columns = length * runs.width
    pieces = Section(runs, 0, length).pieces
    top, bottom, column = pieces.top, pieces.bottom, pieces.column
    empty = np.flatnonzero(bottom == top)
    if (top[empty] % (runs.height * runs.width)).any():
        full = bottom > top
        top, bottom, column = top[full], bottom[full], column[full]
    else:
        # At the ends of frames, as in nearly all files: they go behind the last column. The runs
        # before and after them lie in different columns.
        column[empty] = columns
    again = np.flatnonzero(column[1:] == column[:-1]) + 1
    again = again[column[again] < columns]
    level = _positions(again)
    depth = np.ones(length, np.int64)
    np.maximum.at(depth, column[again] // runs.width, level + 1)
    shape = level.max(initial=0) + 1, 2, columns + 1
    if shape[0] > MOST_LEVELS or math.prod(shape) > MOST_CELLS:
        return None
    levels = np.zeros(shape, top.dtype)
    for lane, ends in enumerate((top, bottom)):
        levels[0, lane, column] = ends
        levels[level, lane, column[again]] = ends[again]
        # of several runs in a column the last was written
        levels[0, lane, column[again]] = ends[again - level]
    levels[0, 1, column[again]] *= -1
    levels[..., columns] = 0
    return ColumnProfile(levels, depth)


def _positions(numbers: np.ndarray) -> np.ndarray:
    """Positions of rising integers in their sequences without gaps, from 1 on."""
    index = np.arange(1, len(numbers) + 1)
    begins = np.diff(numbers, prepend=-1) > 1
    return index - np.maximum.accumulate(np.where(begins, index - 1, 0))


def _step_profile(runs: TubeRuns) -> StepProfile:
    begins, ends = runs.spans(0, len(runs.areas))
    foreground = ends - begins
    before = np.cumsum(np.stack([np.zeros_like(foreground), foreground], 1), dtype=float)
    edges = np.stack([begins, ends], axis=1).astype(float).ravel()
    # Where F is level or rises, one interval lies: empty runs and the ends of touching ones go out.
    keep = np.diff(edges, append=np.inf) > 0
    kept = np.concatenate([[0], np.cumsum(keep)])
    bounds = runs.bounds - runs.bounds[0]
    return StepProfile(edges[keep], before[keep], kept[2 * bounds])
