"""A line that shows how far a long task is."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class ProgressLine:
    """Shows how much is done: one changing line, or a line every few seconds in a log.

    Args:
        what: What is being done, such as ``'generating videos'``.
        file: Where to write; standard error by default.
    """

    def __init__(self, what: str, file: TextIO | None = None) -> None:
        self.what = what
        self.file = file or sys.stderr
        self._begin = time.monotonic()
        self._shown = -1.0
        self._changing = self.file.isatty()

    def __call__(self, done: int, total: int, note: str = '') -> None:
        """Show the state.

        Args:
            done: How many are done, from 1.
            total: How many there are.
            note: What else to show, such as a loss.
        """
        passed = time.monotonic() - self._begin
        pause = 0.2 if self._changing else 3.0
        if done < total and self._shown >= 0.0 and passed - self._shown < pause:
            return
        self._shown = passed
        bar = '#' * (24 * done // total)
        left = passed / done * (total - done)
        times = f'{clock(passed)}, {clock(left)} left'
        # The line before may have been longer.
        end = '\n' if done == total or not self._changing else '   \r'
        print(
            f'{self.what} [{bar:24}] {done}/{total}{note}, {times}',
            end=end, file=self.file, flush=True,
        )


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 2:05."""
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'
