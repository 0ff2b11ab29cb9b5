"""Hold results files against the first of them: differences, intervals, p-values, categories.

Example:
    python tools/analysis_tools/compare_results.py valid.json plain.json tmt.json --out compared
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mmtmt.evaluation.analysis import compare
from mmtmt.evaluation.analysis.command_line import (
    add_options,
    escape_output,
    options_of,
    short_names,
)
from mmtmt.utils.output import check_writable
from mmtmt.visualization import comparison_tables, write_csv


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('gt', help='annotations in the YouTube-VIS form, json or json.gz')
    parser.add_argument('results', nargs='+', help='two or more results files, json or json.gz')
    parser.add_argument(
        '--names', nargs='+', help='what to call them; default: the shortest that differ'
    )
    parser.add_argument(
        '--out', type=Path, help='folder that gets comparison.json, comparison.csv, comparison.md'
    )
    add_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Compares, writes and prints."""
    args = parse_args(argv)
    escape_output()
    names = args.names or short_names(args.results)
    if len(set(names)) != len(args.results) or len(names) != len(args.results):
        sys.exit(
            f'error: expected a different name for each of {args.results}, got {names}; '
            '--names gives them'
        )
    names_of_files = ('comparison.json', 'comparison.csv', 'comparison.md')
    try:
        if args.out is not None:
            inputs = (args.gt, *args.results)
            check_writable(*(args.out / name for name in names_of_files), inputs=inputs)
        comparison = compare(
            args.gt, dict(zip(names, args.results, strict=True)), **options_of(args)
        )
        tables = comparison_tables(comparison)
        if args.out is not None:
            contents = (
                json.dumps(comparison, indent=1) + '\n',
                write_csv(tables),
                '\n'.join(table.markdown() for table in tables),
            )
            for name, text in zip(names_of_files, contents, strict=True):
                (args.out / name).write_text(text, encoding='utf-8', errors='replace')
        print('\n\n'.join(table.terminal() for table in tables))
        for name, lines in zip(names, comparison['remarks'], strict=True):
            print(''.join(f'\nnote: {name}: {line}' for line in lines))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
