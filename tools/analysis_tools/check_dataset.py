"""Finds everything that is wrong with a dataset: its json file, its masks, its frames.

Ends with 0 when there is nothing to mend, with 1 when there are errors or warnings.

Example:
    python tools/analysis_tools/check_dataset.py data/zoo/train.json data/zoo/frames
    python tools/analysis_tools/check_dataset.py data/zoo/train.json data/zoo/frames \
        --others data/zoo/val.json --fix data/zoo/train_fixed.json --report problems.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mmtmt.datasets.checking import check_dataset, is_usable
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.utils.output import JsonParts, check_writable, is_new
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
    parser.add_argument('json', type=Path, help='file of the YouTube-VIS family')
    parser.add_argument('frames', type=Path, nargs='?', help='folder of the frames, if at hand')
    parser.add_argument('--others', type=Path, nargs='+', default=[], help='files of other splits')
    parser.add_argument(
        '--quick', action='store_true', help='read the headers of frames, do not decode them'
    )
    parser.add_argument('--examples', type=int, default=5, help='to print of each kind (5)')
    parser.add_argument('--report', type=Path, help='json file for the whole list')
    parser.add_argument('--fix', type=Path, metavar='OUT', help='write a repaired copy')
    parser.add_argument('--overwrite', action='store_true', help='replace OUT')
    args = parser.parse_args(argv)
    if args.frames is not None and not args.frames.is_dir():
        parser.error(f'expected a folder of frames, got {args.frames}')
    return args


def main() -> None:
    """Checks, prints, and writes what is asked for."""
    args = parse_args()
    try:
        if args.fix:
            is_new(args.fix, args.overwrite)
        written = filter(None, (args.fix, args.report))
        check_writable(*written, inputs=[args.json, *(args.others or ())])
        data = read_json_stream(args.json)
        report, repaired = check_dataset(
            data,
            args.frames,
            decode=not args.quick,
            others=args.others,
            progress=ProgressLine('checking videos'),
        )
        print(report.text(args.examples, changes=args.fix is not None))
        if args.report:
            args.report.write_text(json.dumps(report.to_json(), indent=1), encoding='utf-8')
            print(args.report)
        if args.fix and not is_usable(repaired):
            print(f'{args.fix} is not written: no usable video or category is left')
        elif args.fix:
            out = JsonParts(args.fix, None, overwrite=args.overwrite)
            try:
                out.finish(**repaired)
            except BaseException:
                out.discard()
                raise
            print(f'{args.fix}: {report.changes} changes')
        elif report.changes:
            print(f'--fix OUT writes a copy in which {report.changes} of these are mended')
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    sys.exit(0 if report.clean else 1)


if __name__ == '__main__':
    main()
