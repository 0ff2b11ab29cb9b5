"""Measure and explain a results file: intervals, groups, tracks, kinds of mistakes, worst videos.

Writes analysis.json, analysis.csv, analysis.md and report.html, which needs no other file.

Example:
    python tools/analysis_tools/analyze_results.py valid.json results.json --out analysis \
        --frames data/ovis/valid
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mmtmt.evaluation.analysis import describe, study_results
from mmtmt.evaluation.analysis.command_line import add_options, escape_output
from mmtmt.evaluation.functional import read_ground_truth
from mmtmt.utils.output import check_writable
from mmtmt.visualization import (
    analysis_page,
    analysis_tables,
    frame_files,
    worst_video_sheets,
    write_csv,
)

# Tables of many rows go to the files only.
PRINTED = ('Numbers', 'Tracking', 'Groups of objects', 'Mistakes')
FILES = ('analysis.json', 'analysis.csv', 'analysis.md', 'report.html')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('gt', help='annotations in the YouTube-VIS form, json or json.gz')
    parser.add_argument('results', help='results in the YouTube-VIS form, json or json.gz')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--frames', type=Path, help='folder of the frames: draws the worst videos')
    parser.add_argument('--title', help='headline of the page; default: names of the files')
    add_options(parser)
    return parser.parse_args(argv)


def write(path: Path, text: str) -> None:
    """Writes a file; what can't be encoded becomes a question mark."""
    path.write_text(text, encoding='utf-8', errors='replace')


def main(argv: list[str] | None = None) -> None:
    """Measures, writes and prints."""
    args = parse_args(argv)
    escape_output()
    try:
        inputs = (args.gt, args.results)
        check_writable(*(args.out / name for name in FILES), inputs=inputs)
        truth = read_ground_truth(args.gt)
        file_names = None
        if args.frames is not None:
            file_names = frame_files(args.gt, args.frames)
        study = study_results(
            truth, args.results, class_agnostic=args.class_agnostic, min_score=args.min_score
        )
        analysis = describe(study, replicates=args.replicates, seed=args.seed)
        tables = analysis_tables(analysis)
        write(args.out / 'analysis.json', json.dumps(analysis, indent=1) + '\n')
        write(args.out / 'analysis.csv', write_csv(tables))
        write(args.out / 'analysis.md', '\n'.join(table.markdown() for table in tables))
        sheets, not_drawn = {}, []
        if file_names is not None:
            sheets, not_drawn = worst_video_sheets(
                study, analysis['videos'], file_names, args.frames
            )
        analysis['remarks'] += not_drawn
        note = f'{args.results} against {args.gt}'
        title = args.title or f'{Path(args.results).name} against {Path(args.gt).name}'
        page = analysis_page(analysis, title=title, note=note, sheets=sheets)
        write(args.out / 'report.html', page)
        for table in tables:
            if table.title in PRINTED:
                print(table.terminal(), end='\n\n')
        for line in analysis['remarks']:
            print(f'note: {line}')
        print(f'wrote {", ".join(FILES)} to {args.out}')
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
