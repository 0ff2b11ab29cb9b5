"""Which stored pixel each pixel of a frame shows, after any sequence of transforms."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

# Stands for a pixel that shows nothing of the stored frame.
OUTSIDE = -1


class MaskRuns(NamedTuple):
    """The runs of a mask, column after column.

    Attributes:
        ends: Pixels up to the end of each run, (L,) ascending integers, the last one all of them.
        foreground: Which runs are foreground, (L,) uint8 of 0 and 1.
        start: Pixels before the foreground.
        end: Pixels up to its end.
    """

    ends: np.ndarray
    foreground: np.ndarray
    start: int
    end: int


def paint_runs(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Write runs out as pixels.

    Args:
        values: Value of each run, (L,).
        ends: Pixels up to the end of each run, (L,) ascending integers from 0.

    Returns:
        The pixels.
    """
    lengths = ends.copy()
    # np.diff(ends, prepend=0) takes several times as long
    np.subtract(ends[1:], ends[:-1], out=lengths[1:])
    return np.repeat(values, lengths)


class GridSelection:
    """Rows and columns of the stored frame: what resizing, cropping, flipping and padding lead to.

    Args:
        rows: Stored row of each row, (H,) int64, `OUTSIDE` where there is none.
        columns: Stored column of each column, (W,) int64, `OUTSIDE` where there is none.
        stored_height: Height of the stored frame in pixels.
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray, stored_height: int) -> None:
        self.rows = rows
        self.columns = columns
        self.stored_height = stored_height

    @classmethod
    def whole(cls, height: int, width: int) -> GridSelection:
        """Select a whole frame.

        Args:
            height: Height of the frame in pixels.
            width: Width of the frame in pixels.

        Returns:
            The selection of every pixel.
        """
        return cls(np.arange(height), np.arange(width), height)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return len(self.rows), len(self.columns)

    def select(self, rows: np.ndarray | slice, columns: np.ndarray | slice) -> GridSelection:
        """Select rows and columns of this selection.

        Args:
            rows: Their indices, or a slice of them.
            columns: The same for columns.

        Returns:
            What is left.
        """
        return GridSelection(self.rows[rows], self.columns[columns], self.stored_height)

    def pad(self, height: int, width: int) -> GridSelection:
        """Add rows at the bottom and columns at the right that show nothing.

        Args:
            height: New height in pixels, not below the present one.
            width: New width in pixels, not below the present one.

        Returns:
            The larger selection.
        """
        more_rows, more_columns = height - len(self.rows), width - len(self.columns)
        return GridSelection(
            np.pad(self.rows, (0, more_rows), constant_values=OUTSIDE),
            np.pad(self.columns, (0, more_columns), constant_values=OUTSIDE),
            self.stored_height,
        )

    def warp(self, matrix: np.ndarray) -> FreeSelection:
        """Move every pixel, see `FreeSelection.warp`."""
        inside = (self.rows != OUTSIDE)[:, None] & (self.columns != OUTSIDE)
        indices = self.columns * self.stored_height + self.rows[:, None]
        return FreeSelection(np.where(inside, indices, OUTSIDE).astype(np.int32)).warp(matrix)

    @cached_property
    def _shown_rows(self) -> int:
        """Number of rows that show something; they are the first, in ascending order."""
        return int(np.count_nonzero(self.rows != OUTSIDE))

    @cached_property
    def _rows_before(self) -> np.ndarray:
        """How many of the selected rows come before each stored one, (stored height,) int64."""
        return np.searchsorted(self.rows[: self._shown_rows], np.arange(self.stored_height))

    @cached_property
    def _ascending_columns(self) -> tuple[np.ndarray, bool, int]:
        """Columns that show something, ascending; whether that turned them; where they begin.

        They are neighbours, since only padding shows nothing, and come in one order or the other.
        """
        places = np.flatnonzero(self.columns != OUTSIDE)
        shown = self.columns[places]
        turned = len(shown) > 1 and bool(shown[0] > shown[-1])
        return (shown[::-1] if turned else shown), turned, int(places[0]) if len(places) else 0

    def _showing(self, first: int, last: int) -> tuple[int, int]:
        """Where the stored columns from `first` to `last` are shown, the end excluded."""
        columns, turned, begin = self._ascending_columns
        left, right = np.searchsorted(columns, (first, last + 1)).tolist()
        if turned:
            left, right = len(columns) - right, len(columns) - left
        return begin + left, begin + right

    def paint(self, mask: MaskRuns, out: np.ndarray) -> None:
        """Write the selected pixels of a mask.

        Rows are selected in the runs themselves, before any pixel is written, and only columns
        that the mask reaches are touched.

        Args:
            mask: Runs of the mask of the stored frame.
            out: (H, W) uint8 of zeros, takes the pixels.
        """
        height = self.stored_height
        first, last = mask.start // height, (mask.end - 1) // height
        left, right = self._showing(first, last)
        if left == right or not self._shown_rows:
            return
        # Background before and after these columns ends with them.
        ends = np.maximum(mask.ends, first * height)
        np.minimum(ends, (last + 1) * height, out=ends)
        ends -= first * height
        whole, rest = np.divmod(ends, height)
        ends = whole * self._shown_rows + self._rows_before[rest]
        pixels = paint_runs(mask.foreground, ends).reshape(-1, self._shown_rows)
        pixels = pixels.take(self.columns[left:right] - first, axis=0)
        cv2.transpose(pixels, out[: self._shown_rows, left:right])


class FreeSelection:
    """Any pixel of the stored frame in any place: what rotations lead to.

    Args:
        indices: Per pixel its position in the stored frame in column-major order, (H, W) int32,
            `OUTSIDE` where there is none.
    """

    def __init__(self, indices: np.ndarray) -> None:
        self.indices = indices

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.indices.shape

    def select(self, rows: np.ndarray | slice, columns: np.ndarray | slice) -> FreeSelection:
        """Select rows and columns, see `GridSelection.select`."""
        return FreeSelection(self.indices[rows][:, columns])

    def pad(self, height: int, width: int) -> FreeSelection:
        """Add rows and columns that show nothing, see `GridSelection.pad`."""
        old_height, old_width = self.shape
        margins = ((0, height - old_height), (0, width - old_width))
        return FreeSelection(np.pad(self.indices, margins, constant_values=OUTSIDE))

    def warp(self, matrix: np.ndarray) -> FreeSelection:
        """Move every pixel.

        Args:
            matrix: (2, 3), takes the place (x, y) of a pixel after the move to its place before
                it, in pixels from the centre of the first one. The nearest pixel is shown.

        Returns:
            A selection of the same size.
        """
        height, width = self.shape
        x, y = np.arange(width), np.arange(height)[:, None]
        old_x, old_y = (np.rint(a * x + b * y + c).astype(np.int64) for a, b, c in matrix)
        inside = (old_x >= 0) & (old_x < width) & (old_y >= 0) & (old_y < height)
        moved = np.full((height, width), OUTSIDE, dtype=np.int32)
        moved[inside] = self.indices[old_y[inside], old_x[inside]]
        return FreeSelection(moved)

    def paint(self, mask: MaskRuns, out: np.ndarray) -> None:
        """Write the selected pixels of a mask, see `GridSelection.paint`."""
        # Where there is none, index -1 finds the zero at the end.
        pixels = np.append(paint_runs(mask.foreground, mask.ends), np.uint8(0))
        pixels.take(self.indices, out=out, mode='wrap')
