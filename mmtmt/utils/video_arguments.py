"""Command-line arguments that all demos share which draw what models find in a video."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmtmt.utils.output import check_writable


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the input, the output, what to look for and how to draw it.

    Args:
        parser: Where to add them.
    """
    parser.add_argument('input', help='a video file, a folder of frames, or a quoted pattern')
    parser.add_argument('--out', type=Path, required=True, help='mp4 file to write')
    parser.add_argument(
        '--vocabulary',
        help='what to look for: a label space (ytvis19), a json file with categories, or names '
        'with commas between; default: all that a model knows',
    )
    parser.add_argument(
        '--text-weights',
        help="weights of the text bank's encoder, a file or a folder, for names that the bank "
        'misses; default: the cache of the Hugging Face hub. The bank of the package takes none',
    )
    parser.add_argument(
        '--min-score', type=float, default=0.3, help='least score to be drawn (default: 0.3)'
    )
    parser.add_argument('--fps', type=float, help='frames per second; default: as in the input')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU when there is one')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that can run code, of a source that you trust',
    )


def _files(value: Any) -> Iterator[str]:
    """Yields the arguments that may name files to be read."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _files(part)


def parse_video_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read a command line with the arguments of `add_video_arguments`.

    Args:
        parser: Of the command line; it ends the program if a value is wrong.

    Returns:
        The arguments.
    """
    args = parser.parse_args()
    if args.out.suffix.lower() != '.mp4':
        parser.error(f'--out: expected a file name that ends in .mp4, got {args.out}')
    try:
        read = _files([*vars(args).values()])
        check_writable(args.out, args.out.with_suffix('.json'), inputs=read)
    except OSError as error:
        parser.error(f'--out: {error}')
    if args.fps is not None and not args.fps > 0:
        parser.error(f'--fps: expected more than 0, got {args.fps}')
    return args
