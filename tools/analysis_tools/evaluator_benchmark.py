"""The evaluator beside mmdet 3.3's YTVISeval, after asserting that both give the same arrays.

Both sides get the same generated files: 360 x 640 pixels, one to five drifting objects per video,
a tenth of them crowds, half of the results of the right category, a twentieth of the masks null.
They run in turns in one process with one thread, and seconds are those of the processor; a reading
of memory has a process of its own.
Prints tables in Markdown.

python tools/analysis_tools/evaluator_benchmark.py
python tools/analysis_tools/evaluator_benchmark.py --sizes 10x30 --videos 50 --parts evaluate
"""
import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

# Lets mmdet be imported next to recent releases of what it needs.
import mmtmt.registry  # noqa: F401

PARTS = ('evaluate', 'memory', 'masks', 'growth')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--sizes', nargs='+', type=_pair, metavar='RESULTSxFRAMES',
                        default=[(10, 30), (100, 30), (10, 200), (100, 200)],
                        help='results per video and frames')
    parser.add_argument('--videos', type=int, default=300)
    parser.add_argument('--most-masks', type=int, default=100_000,
                        help='take fewer videos where they would have more masks of results')
    parser.add_argument('--categories', type=int, default=40)
    parser.add_argument('--rounds', type=int, default=3, help='turns of each side')
    parser.add_argument('--out', type=Path, help='also write the tables to this file')
    parser.add_argument('--peak', nargs=2, metavar=('SIDE', 'FOLDER'), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _pair(text: str) -> tuple[int, int]:
    results, frames = text.split('x')
    return int(results), int(frames)


def bench_evaluate(args: argparse.Namespace) -> list[list[str]]:
    """Files and contents to numbers."""
    import evaluator_sides as sides
    from benchmark import in_turns
    rows = []
    theirs, ours = sides.Theirs(), sides.Ours()
    for scale in _scales(args):
        with tempfile.TemporaryDirectory() as folder:
            files = sides.write(scale, Path(folder))
            sides.assert_same_numbers(ours.whole(*files), theirs.whole(*files))
            contents = [json.loads(path.read_text(encoding='utf-8')) for path in files]
            seconds = in_turns({side.name: partial(side.whole, *files) for side in (theirs, ours)},
                               args.rounds, time.process_time)
            rows.append(row(f'{scale}, from the files', seconds, 's'))
        seconds = contents_in_turns([theirs, ours], contents, args.rounds)
        whole = {side.name: seconds[side.name, 'whole'] for side in (theirs, ours)}
        alone = {side.name: seconds[side.name, 'evaluate'] for side in (theirs, ours)}
        mixed = dict(mmdet=alone['mmdet'], mmtmt=whole['mmtmt'])
        rows += [row(f'{scale}, from their contents', whole, 's'),
                 row(f'{scale}, from their contents; mmdet without loadRes()', mixed, 's'),
                 row(f'{scale}, evaluate() after loading', alone, 's')]
    return rows


def contents_in_turns(
    sides: list, contents: list, rounds: int
) -> dict[tuple[str, str], float]:
    """Median seconds of loading and evaluating what the json files hold.

    Args:
        sides: The two sides.
        contents: Of both files.
        rounds: Turns of each that count.

    Returns:
        Seconds by (name of the side, 'whole' or 'evaluate').
    """
    from statistics import median
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds + 1):
        for side in sides:
            # mmdet adds keys to the entries, which would spare it work the next time.
            gt, results = copy.deepcopy(contents[0]), [dict(entry) for entry in contents[1]]
            begin = time.process_time()
            if side.name == 'mmdet':
                loaded = side.load(gt, results)
                middle = time.process_time()
                side.evaluate(loaded)
                whole = time.process_time() - begin
            else:
                side.whole(gt, results)
                whole = time.process_time() - begin
                loaded = side.load(gt, results)
                middle = time.process_time()
                side.evaluate(loaded)
            alone = time.process_time() - middle
            seconds.setdefault((side.name, 'whole'), []).append(whole)
            seconds.setdefault((side.name, 'evaluate'), []).append(alone)
    return {key: median(values[1:]) for key, values in seconds.items()}


def bench_memory(args: argparse.Namespace) -> list[list[str]]:
    """Peak of evaluating the files, each side in a process of its own."""
    import evaluator_sides as sides
    rows = []
    for scale in _scales(args):
        with tempfile.TemporaryDirectory() as folder:
            sides.write(scale, Path(folder))
            peaks = {name: _peak_in_process(name, folder) for name in ('mmdet', 'mmtmt')}
        rows.append(row(f'{scale}, peak memory', peaks, 'MB'))
    return rows


def _peak_in_process(side: str, folder: str) -> float:
    answer = subprocess.run([sys.executable, __file__, '--peak', side, folder], check=True,
                            stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.splitlines()[-1])['megabytes']


def print_peak(side: str, folder: Path) -> None:
    """What the process of a reading of memory does."""
    import evaluator_sides as sides
    from benchmark import MEGABYTE, peak, resident
    evaluator = {x.name: x for x in (sides.Theirs(), sides.Ours())}[side]
    before = resident()
    evaluator.whole(folder / 'gt.json', folder / 'results.json')
    print(json.dumps(dict(megabytes=(peak() - before) / MEGABYTE)))


def bench_masks(args: argparse.Namespace) -> list[list[str]]:
    """Masks in memory to numbers, with both packages' metrics."""
    import evaluator_sides as sides
    from benchmark import in_turns
    rows = []
    for videos, results, frames in ((2, 10, 30), (1, 100, 10)):
        scale = sides.Scale(videos, results, frames, args.categories)
        with tempfile.TemporaryDirectory() as folder:
            masks = sides.ModelMasks(scale, Path(folder))
            masks.assert_same()
            seconds = in_turns(dict(mmdet=masks.theirs, mmtmt=masks.ours), args.rounds,
                               time.process_time)
        rows.append(row(f"{scale}, from a model's masks", seconds, 's'))
    return rows


def bench_growth(args: argparse.Namespace) -> list[list[str]]:
    """This package alone, from the contents, at two and four times the videos, results, frames."""
    import evaluator_sides as sides
    from benchmark import in_turns
    base = (20, 10, 30)
    grown = [base]
    for axis in range(3):
        grown += [(*base[:axis], factor * base[axis], *base[axis + 1:]) for factor in (2, 4)]
    runs: dict[str, Callable] = {}
    for numbers in grown:
        scale = sides.Scale(*numbers, categories=args.categories)
        runs[str(scale)] = partial(sides.Ours().whole, *sides.generate(scale))
    seconds = in_turns(runs, args.rounds, time.process_time)
    first = next(iter(seconds.values()))
    return [[name, f'{1e3 * value:.0f} ms', f'{value / first:.2f}']
            for name, value in seconds.items()]


def _scales(args: argparse.Namespace) -> list:
    from evaluator_sides import Scale
    return [Scale(max(2, min(args.videos, args.most_masks // (results * frames))), results, frames,
                  args.categories)
            for results, frames in args.sizes]


def row(name: str, values: dict[str, float], unit: str) -> list[str]:
    """A row of the table beside mmdet.

    Args:
        name: What was measured.
        values: Of both sides.
        unit: Of the values.

    Returns:
        The cells.
    """
    digits = 3 if unit == 's' else 0
    numbers = [f'{values[side]:.{digits}f} {unit}' for side in ('mmdet', 'mmtmt')]
    ratio = values['mmdet'] / values['mmtmt']
    return [name, *numbers, f'{ratio:.1f}']


def main(argv: list[str] | None = None) -> int:
    """Runs the parts asked for."""
    args = parse_args(argv)
    sys.path.insert(0, str(Path(__file__).parent))
    from benchmark import machine, table
    torch.set_num_threads(1)
    if args.peak:
        print_peak(args.peak[0], Path(args.peak[1]))
        return 0
    beside = dict(evaluate=bench_evaluate, memory=bench_memory, masks=bench_masks)
    rows = []
    for name in args.parts:
        if name in beside:
            print(f'{name} ...', file=sys.stderr, flush=True)
            rows += beside[name](args)
    tables = []
    if rows:
        tables.append(table(['videos x results x frames', 'mmdet', 'mmtmt', 'ratio'], rows))
    if 'growth' in args.parts:
        tables.append(table(['videos x results x frames', 'mmtmt', 'of the first'],
                            bench_growth(args)))
    text = '\n\n'.join([*tables, f'{args.categories} categories. {machine()}.']) + '\n'
    print(text)
    if args.out:
        args.out.write_text(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
