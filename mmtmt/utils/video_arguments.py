"""Command-line arguments that all demos share which draw what models find in a video."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


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
        'misses; default: the cache of the Hugging Face hub',
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


def _files(args: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """Yields the arguments that name files to be read, with what each is."""
    for name, value in vars(args).items():
        for text in _texts(value):
            if os.path.exists(text):
                yield name.replace('_', ' '), Path(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


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
    for written in (args.out, args.out.with_suffix('.json')):
        for name, read in _files(args):
            if written.exists() and written.samefile(read):
                parser.error(f'--out: {written} is the {name}, which would be lost')
    if args.fps is not None and not args.fps > 0:
        parser.error(f'--fps: expected more than 0, got {args.fps}')
    return args
