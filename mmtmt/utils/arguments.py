"""Types of command-line arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """The type of whole numbers from one on.

    Args:
        least: The least of them.

    Returns:
        What argparse takes as ``type``.
    """

    def read(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f'expected {least} or more, got {value}')
        return value

    read.__name__ = 'whole number'  # for argparse's message about other texts
    return read
