"""Rows of tensors that don't have to fit into memory."""
import math
import tempfile
import weakref

import torch
from torch import Tensor


class TensorStore:
    """A list of rows of one shape; when it gets long, it moves to a temporary file.

    What is read and written are copies, exact to the bit. The file is anonymous, lies in the folder
    that the environment variable TMPDIR tells, and goes with the object.

    Attributes:
        limit: Rows that are kept in memory; the store of a longer list holds none there.
    """

    limit = 64

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._length = 0
        self._file = None

    def __len__(self) -> int:
        """The number of rows."""
        return self._length

    def append(self, rows: Tensor) -> None:
        """Add rows at the end.

        Args:
            rows: (t, ...), of the shape, type and device of those before.
        """
        start, self._length = self._length, self._length + len(rows)
        if self._file is not None:
            self.write(start, rows)
            return
        self._parts.append(rows)
        if self._length > self.limit:
            self._file = tempfile.TemporaryFile()
            weakref.finalize(self, self._file.close)
            self.write(0, torch.cat(self._parts))
            # only tells shape, type and device from here on
            self._parts = [rows[:0].clone()]

    def read(self, start: int, stop: int) -> Tensor:
        """Rows.

        Args:
            start: First row.
            stop: One past the last row, at most the length.

        Returns:
            (stop - start, ...).
        """
        if self._file is None:
            return torch.cat(self._parts)[start:stop]
        like = self._parts[0]
        rows = torch.empty(stop - start, *like.shape[1:], dtype=like.dtype)
        if len(rows):
            self._file.seek(start * self._row_bytes)
            self._file.readinto(_bytes(rows))
        return rows.to(like.device)

    def write(self, start: int, rows: Tensor) -> None:
        """Replace rows.

        Args:
            start: First row.
            rows: (t, ...), of the shape of the others.
        """
        if self._file is None:
            whole = torch.cat(self._parts)
            whole[start:start + len(rows)] = rows
            self._parts = [whole]
            return
        if not len(rows):
            return
        self._file.seek(start * self._row_bytes)
        self._file.write(_bytes(rows.to(self._parts[0].dtype).cpu().contiguous()))

    @property
    def _row_bytes(self) -> int:
        like = self._parts[0]
        return like.element_size() * math.prod(like.shape[1:])


def _bytes(rows: Tensor) -> memoryview:
    return memoryview(rows.view(torch.uint8).numpy()).cast('B')
