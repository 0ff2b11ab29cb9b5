"""Compare this package with reference numbers of the official implementations.

Example:
    python tools/check_golden.py tests/golden
"""

import argparse
import sys
import time

import torch

from mmtmt.testing import check, find_fixtures


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Run every fixture in a folder that there is a runner for, one line each. '
        'Exit status 1 when one fails, 2 when there is no fixture.'
    )
    parser.add_argument(
        'folder', metavar='DIR', help='folder with fixtures: NAME.json beside NAME.npz'
    )
    return parser.parse_args()


def main() -> int:
    """Check the folder.

    Returns:
        The exit status.
    """
    args = parse_args()
    try:
        paths = find_fixtures(args.folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # the order of summation then stays the same from run to run
    width = max(len(path.name) for path in paths)
    counts = dict.fromkeys(('pass', 'fail', 'no runner'), 0)
    start = time.time()
    for path in paths:
        outcome = check(path)
        counts[outcome.status] += 1
        print(outcome.line(width), flush=True)
    summary = ', '.join(f'{count} {status}' for status, count in counts.items())
    print(f'{len(paths)} fixtures: {summary} ({time.time() - start:.0f} s)')
    return 1 if counts['fail'] else 0


if __name__ == '__main__':
    sys.exit(main())
