"""Evaluate a results file of video instance segmentation against ground truth.

Example:
    python tools/eval_results.py valid.json results.json --out metrics.json --arrays arrays.npz
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from terminaltables import AsciiTable

from mmtmt.evaluation import STATS_NAMES, evaluate
from mmtmt.evaluation.analysis.command_line import escape_output
from mmtmt.evaluation.functional import remarks
from mmtmt.utils.output import check_writable, printable

ARRAYS = ('precision', 'recall')


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('gt', help='annotations in the YouTube-VIS form, json or json.gz')
    parser.add_argument('results', help='results in the YouTube-VIS form, json or json.gz')
    parser.add_argument('--out', type=Path, help='write the metrics to this json file')
    parser.add_argument('--arrays', type=Path, help='write precision and recall to this npz file')
    parser.add_argument(
        '--class-agnostic',
        action='store_true',
        help="take all categories as one, as UVO's official protocol does",
    )
    return parser.parse_args()


def print_tables(output: dict) -> None:
    """Prints the headline numbers, the categories and what was counted."""
    rows = [[name, _number(output[name])] for name in STATS_NAMES]
    print(AsciiTable([['metric', 'value'], *rows]).table)
    columns = ('AP', 'AP50', 'AP75', 'AR100')
    rows = [
        [printable(row['name']), *(_number(row[column]) for column in columns)]
        for row in output['per_category'].values()
        if row['AP'] is not None
    ]
    print(AsciiTable([['category', *columns], *rows]).table)
    counts = output['counts']
    print(
        f'{counts["results"]} results for {counts["objects"]} objects '
        f'({counts["crowd_objects"]} of them crowd) in {counts["videos"]} videos'
    )
    for line in remarks(output):
        print(f'note: {line}')


def _number(value: float | None) -> str:
    return '-' if value is None or value == -1 else f'{value:.4f}'


def main() -> None:
    """Evaluates, writes and prints."""
    args = parse_args()
    escape_output()
    try:
        written = filter(None, (args.out, args.arrays))
        check_writable(*written, inputs=(args.gt, args.results))
        output = evaluate(args.gt, args.results, class_agnostic=args.class_agnostic)
        if args.out is not None:
            metrics = {key: value for key, value in output.items() if key not in ARRAYS}
            args.out.write_text(json.dumps(metrics, indent=2) + '\n', encoding='utf-8')
        if args.arrays is not None:
            # savez adds .npz to other names, but not to those of open files.
            with open(args.arrays, 'wb') as file:
                np.savez_compressed(file, **{name: output[name] for name in ARRAYS})
        print_tables(output)
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
