"""Tell every reason for which an evaluation server would reject a file of results.

The ground truth may be hidden: its videos and categories are enough.

Example:
    python tools/validate_results.py valid.json submission.zip
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmtmt.evaluation.analysis.command_line import escape_output
from mmtmt.evaluation.functional import validate_submission
from mmtmt.evaluation.functional.validation import MAX_BYTES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('gt', help='annotations in the YouTube-VIS form, which may be hidden')
    parser.add_argument('results', type=Path, help='submission.zip, results.json or json.gz')
    parser.add_argument(
        '--max-megabytes',
        type=float,
        default=MAX_BYTES / 10**6,
        help='largest archive that the server takes (default: %(default)g, that of CodaLab)',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Validates and prints; exits with 1 if there is any problem."""
    args = parse_args(argv)
    escape_output()
    try:
        max_bytes = int(args.max_megabytes * 10**6)
        problems = validate_submission(args.results, args.gt, max_bytes=max_bytes)
    except (ValueError, OSError, OverflowError) as error:
        sys.exit(f'error: {error}')
    for problem in problems:
        print(problem)
    if problems:
        kinds = f'{len(problems)} kind{"" if len(problems) == 1 else "s"} of problem'
        sys.exit(f'{args.results}: {kinds}')
    print(f'{args.results}: nothing to be said against it')
    if args.results.suffix.lower() != '.zip':
        print('servers take it as results.json at the root of a zip archive')


if __name__ == '__main__':
    main()
