"""A line that shows how far a long task is."""

from __future__ import annotations

import sys
import time


class ProgressLine:
    """Shows how much is done: one changing line, or a line every few seconds in a log.

    Args:
        what: What is being done, such as ``'generating videos'``.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._begin = time.monotonic()
        self._shown = -1.0
        self._changing = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Show the state.

        Args:
            done: How many are done, from 1.
            total: How many there are.
        """
        passed = time.monotonic() - self._begin
        pause = 0.2 if self._changing else 3.0
        if done < total and self._shown >= 0.0 and passed - self._shown < pause:
            return
        self._shown = passed
        bar = '#' * (24 * done // total)
        left = passed / done * (total - done)
        line = f'{self.what} [{bar:24}] {done}/{total}, {passed:.0f} s, {left:.0f} s left'
        end = '\n' if done == total or not self._changing else '\r'
        print(line, end=end, file=sys.stderr, flush=True)
