"""Extracts the frames of videos, one folder per video.

Example:
    python tools/dataset_converters/extract_frames.py clips/*.mp4 --out data/zoo/frames --fps 6
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmtmt.utils.extraction import FORMATS, extract_frames
from mmtmt.utils.progress import ProgressLine


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line.

    Args:
        argv: The arguments; by default those of the process.

    Returns:
        The arguments.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('videos', type=Path, nargs='+', help='video files')
    parser.add_argument('--out', type=Path, required=True, help='folder for a folder per video')
    parser.add_argument('--fps', type=float, help='frames per second to keep (all)')
    parser.add_argument('--short-side', type=int, help='length of the shorter side in pixels')
    parser.add_argument('--format', choices=[s[1:] for s in FORMATS], default='jpg', help='(jpg)')
    parser.add_argument('--limit', type=int, help='most frames per video')
    parser.add_argument('--overwrite', action='store_true', help='replace folders that are there')
    args = parser.parse_args(argv)
    stems = [video.stem for video in args.videos]
    twice = {stem for stem in stems if stems.count(stem) > 1}
    if twice:
        parser.error(f'expected videos of different names, got two {sorted(twice)[0]!r}')
    return args


def main() -> None:
    """Extracts; what can't be read ends it with one line."""
    args = parse_args()
    try:
        for video in args.videos:
            folder = args.out / video.stem
            count = extract_frames(
                video,
                folder,
                fps=args.fps,
                short_side=args.short_side,
                suffix=f'.{args.format}',
                limit=args.limit,
                overwrite=args.overwrite,
                progress=ProgressLine(f'extracting {video.name}'),
            )
            print(f'{folder}: {count} frames')
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
