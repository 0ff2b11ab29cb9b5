"""Writes the generated video sets: seeded videos with masks, in the format of YouTube-VIS.

Example:
    python tools/dataset_converters/make_synthetic.py data/synthetic --preset demo
    python tools/dataset_converters/make_synthetic.py data/hard --train 200 --occlusion 2 \
        --difficulty 0.8 --size 192 320
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from mmtmt.datasets.synthetic import (
    PRESETS,
    STYLES,
    SyntheticOptions,
    generate,
    is_generated,
)
from mmtmt.utils.progress import ProgressLine


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description='Write the generated video sets, in the format of YouTube-VIS.'
    )
    default = SyntheticOptions()
    parser.add_argument('out', type=Path, help='folder that gets a folder per set')
    parser.add_argument('--preset', choices=sorted(PRESETS), help='values for all other options')
    parser.add_argument('--sets', nargs='+', choices=list(STYLES), help='default: all three')
    parser.add_argument('--train', type=int, help=f'training videos per set ({default.train})')
    parser.add_argument('--valid', type=int, help=f'validation videos per set ({default.valid})')
    parser.add_argument('--length', type=int, help=f'most frames of a video ({default.length})')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help=f'of a frame, in pixels ({default.height} {default.width})',
    )
    parser.add_argument('--seed', type=int, help='same seed and options, same bytes (0)')
    parser.add_argument('--density', type=float, help='factor on the number of objects (1)')
    parser.add_argument('--occlusion', type=float, help='factor on how crowded videos are (1)')
    parser.add_argument('--difficulty', type=float, help='0 (clear) to 1 (pale, busy, noisy) (0.5)')
    parser.add_argument(
        '--typical-colours', type=float, help="share of objects in their kind's own colours (0)"
    )
    parser.add_argument('--workers', type=int, help='processes; default: all usable cores')
    parser.add_argument(
        '--overwrite', action='store_true', help='generate even if the same sets are there already'
    )
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        parser.error(f'--workers: expected at least 1, got {args.workers}')
    try:
        args.options = _options(args)
    except ValueError as error:
        parser.error(str(error))
    return args


_NUMBERS = (
    'train', 'valid', 'length', 'seed', 'density', 'occlusion', 'difficulty', 'typical_colours',
)


def _options(args: argparse.Namespace) -> SyntheticOptions:
    options = PRESETS[args.preset] if args.preset else SyntheticOptions()
    given = {
        name: getattr(args, name)
        for name in _NUMBERS
        if getattr(args, name) is not None
    }
    if args.sets:
        # The order of the world, whatever the order on the command line.
        given['sets'] = tuple(name for name in STYLES if name in args.sets)
    if args.size:
        given['height'], given['width'] = args.size
    return replace(options, **given)


def main(argv: list[str] | None = None) -> None:
    """Runs the tool."""
    args = parse_args(argv)
    try:
        if not args.overwrite and is_generated(args.out, args.options):
            print(f'{args.out} holds these sets already; --overwrite generates them again')
            return
        begin = time.monotonic()
        progress = ProgressLine('generating videos')
        for path in generate(args.out, args.options, args.workers, progress):
            print(path)
    except FileExistsError as error:
        sys.exit(f'error: {error}')
    print(f'generated in {time.monotonic() - begin:.1f} s')


if __name__ == '__main__':
    main()
