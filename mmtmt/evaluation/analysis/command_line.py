"""Options that the tools around `analyze` and `compare` have in common."""

from __future__ import annotations

import argparse
from typing import Any

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
        type=float,
        default=MIN_SCORE,
        help='least score of what counts in tracking and confusions (default: %(default)s)',
    )
    parser.add_argument(
        '--replicates',
        type=_positive,
        default=REPLICATES,
        help='samples of the videos for the intervals (default: %(default)s)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the samples (default: 0)')


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The values of these options.

    Args:
        args: What was parsed.

    Returns:
        Keyword arguments for `analyze` and `compare`.
    """
    names = ('class_agnostic', 'min_score', 'replicates', 'seed')
    return {name: getattr(args, name) for name in names}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'expected 1 or more, got {value}')
    return value
