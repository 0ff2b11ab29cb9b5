"""What the tools around `evaluate`, `analyze` and `compare` have in common."""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from mmtmt.utils.arguments import at_least

from .analyze import MIN_SCORE, REPLICATES


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how to measure.

    Args:
        parser: Gets them.
    """
    parser.add_argument(
        '--class-agnostic',
        action='store_true',
        help="take all categories as one, as UVO's official protocol does",
    )
    parser.add_argument(
        '--min-score',
        type=_finite,
        default=MIN_SCORE,
        help='least score of what counts in tracking and confusions (default: %(default)s)',
    )
    parser.add_argument(
        '--replicates',
        type=at_least(1),
        default=REPLICATES,
        help='samples of the videos for the intervals (default: %(default)s)',
    )
    parser.add_argument('--seed', type=at_least(0), default=0, help='of the samples (default: 0)')


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The values of these options.

    Args:
        args: What was parsed.

    Returns:
        Keyword arguments for `analyze` and `compare`.
    """
    names = ('class_agnostic', 'min_score', 'replicates', 'seed')
    return {name: getattr(args, name) for name in names}


def escape_output() -> None:
    """Lets characters that the terminal can't show, or that are none, be printed as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='backslashreplace')


def short_names(files: Sequence[str]) -> list[str]:
    """The shortest names that tell files apart.

    Args:
        files: Their paths.

    Returns:
        The names without .json and .gz, and as many folders as it takes; where the paths are the
        same, so are the names.
    """
    parts = []
    for file in files:
        path = PurePath(file)
        while path.suffix in ('.json', '.gz'):
            path = path.with_suffix('')
        parts.append(path.parts)
    names = []
    for one in parts:
        others = [other for other in parts if other != one]
        length = 1
        while length < len(one) and any(other[-length:] == one[-length:] for other in others):
            length += 1
        names.append('/'.join(one[-length:]).replace('//', '/'))
    return names if len(set(names)) == len(set(files)) else list(files)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'expected a finite number, got {text}')
    return value
