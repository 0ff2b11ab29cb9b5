"""Which stored pixel each pixel of a frame shows, after any sequence of transforms."""

from __future__ import annotations

import cv2
import numpy as np

from mmtmt.structures.rle import paint_runs

# Stands for a pixel that shows nothing of the stored frame.
OUTSIDE = -1


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

    def paint(self, runs: np.ndarray, out: np.ndarray) -> None:
        """Write the selected pixels of a mask.

        Rows are selected in the runs themselves, before any pixel is written.

        Args:
            runs: Run lengths of the mask of the stored frame, (R,) int64.
            out: (H, W) uint8 of zeros, takes the pixels.
        """
        # Rows never turn around, and those that show nothing are the last.
        rows, columns = self.rows[self.rows != OUTSIDE], self.columns[self.columns != OUTSIDE]
        if not len(rows) or not len(columns):
            return
        first, last = columns.min(), columns.max() + 1
        start, end = first * self.stored_height, last * self.stored_height
        ends = np.clip(np.cumsum(runs), start, end) - start
        # How many selected rows come before a stored one.
        before = np.searchsorted(rows, np.arange(self.stored_height))
        whole, rest = np.divmod(ends, self.stored_height)
        ends = whole * len(rows) + before[rest]
        pixels = paint_runs(np.diff(ends, prepend=0)).reshape(last - first, len(rows))
        pixels = pixels.take(columns - first, axis=0)
        if len(columns) == out.shape[1]:
            cv2.transpose(pixels, out[: len(rows)])
        else:
            out[: len(rows), self.columns != OUTSIDE] = pixels.T


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

    def paint(self, runs: np.ndarray, out: np.ndarray) -> None:
        """Write the selected pixels of a mask, see `GridSelection.paint`."""
        # Where there is none, index -1 finds the zero at the end.
        np.append(paint_runs(runs), np.uint8(0)).take(self.indices, out=out, mode='wrap')
