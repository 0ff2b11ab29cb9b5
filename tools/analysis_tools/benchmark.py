"""Time and memory beside mmdet 3.3's Mask2FormerVideo, after asserting that both give the same.

Both sides have a ResNet-50, the same weights and the same input. They run in turns, a reading of
memory has a process of its own. Further parts compare the bases with each other and with TMT-VIS on
them, and measure them on a GPU. Prints tables in Markdown.

python tools/analysis_tools/benchmark.py
python tools/analysis_tools/benchmark.py --parts predict train --rounds 5 --out docs/tables.md
"""
import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mmtmt.utils.memory import keep_freed_memory

PARTS = ('predict', 'train', 'losses', 'taxonomy', 'memory', 'bases', 'gpu')
MEGABYTE = 2**20


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--frames', nargs='+', type=int, default=[8, 32],
                        help='lengths of the predicted clips')
    parser.add_argument('--memory-frames', nargs='+', type=int, default=[8, 32, 128],
                        help='lengths for the slope of memory, this package alone')
    parser.add_argument('--size', nargs=2, type=int, default=[360, 640], metavar=('H', 'W'))
    parser.add_argument('--rounds', type=int, default=3, help='turns of each side')
    parser.add_argument('--threads', type=int, help="default: PyTorch's choice")
    parser.add_argument('--busy', action='store_true',
                        help='for machines that do other things, too: one thread, whose processor '
                        'time is read instead of the clock')
    parser.add_argument('--out', type=Path, help='also write the tables to this file')
    parser.add_argument('--peak', nargs=2, metavar=('SIDE', 'FRAMES'), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def in_turns(sides: dict[str, Callable[[], Any]], rounds: int,
             clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Median seconds of each side; the sides run in turns, after one run that does not count.

    Args:
        sides: What to run, by name.
        rounds: Runs of each that count.
        clock: Tells the seconds; `time.process_time` where other programs run beside.

    Returns:
        Seconds by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, run in sides.items():
            begin = clock()
            run()
            seconds[name].append(clock() - begin)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def peak_memory(args: argparse.Namespace, side: str, frames: int) -> float:
    """Peak of a prediction beyond what the process holds before it, in MB, in its own process."""
    command = [sys.executable, __file__, '--peak', side, str(frames),
               '--size', *map(str, args.size)]
    if args.threads:
        command += ['--threads', str(args.threads)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.splitlines()[-1])['megabytes']


def print_peak(side: str, frames: int, size: tuple[int, int]) -> None:
    """What the process of :func:`peak_memory` does."""
    import sides
    ours = sides.Ours()
    sides.spread_weights(ours.model)
    model = ours if side == ours.name else sides.Theirs(ours)
    clip = sides.make_frames(frames, *size)
    del ours
    before = resident()
    model.predict(clip)
    print(json.dumps(dict(megabytes=(peak() - before) / MEGABYTE)))


def resident() -> int:
    """Bytes held now; where the system allows it, the peak starts again from here."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
        pages = int(Path('/proc/self/statm').read_text().split()[1])
    except OSError:
        return peak()
    return pages * os.sysconf('SC_PAGE_SIZE')


def peak() -> int:
    """Most bytes held so far, since the start or the last call of :func:`resident`."""
    try:
        status = Path('/proc/self/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0]) * 1024
    except OSError:
        unit = 1 if platform.system() == 'Darwin' else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def bench_predict(args: argparse.Namespace) -> list[list[str]]:
    """Whole clips to RLE: time and peak memory at identical results."""
    import checks
    import sides
    ours = sides.Ours()
    sides.spread_weights(ours.model)
    theirs = sides.Theirs(ours)
    rows = []
    for frames in args.frames:
        clip = sides.make_frames(frames, *args.size)
        checks.assert_same_prediction(ours.predict(clip), theirs.predict(clip))
        seconds = args.turns({side.name: partial(side.predict, clip) for side in (theirs, ours)},
                           args.rounds)
        rows.append(_row(f'predict {frames} frames to RLE, time', seconds, 's'))
        peaks = {side.name: peak_memory(args, side.name, frames) for side in (theirs, ours)}
        rows.append(_row(f'predict {frames} frames, peak memory', peaks, 'MB'))
    return rows


def bench_train(args: argparse.Namespace) -> list[list[str]]:
    """Forward and backward of a clip of two frames, at the same losses and gradients."""
    import checks
    import sides
    frames = 2
    # mmdet's mask loss is as many times larger as a clip has frames
    ours = sides.Ours(options={'model.criterion.mask_weight': 5.0 * frames,
                               'model.criterion.matcher': checks.matcher_of_theirs()})
    sides.spread_weights(ours.model)
    theirs = sides.Theirs(ours)
    clip, masks = (make(frames, *args.size) for make in (sides.make_frames, sides.make_masks))
    checks.assert_same_training(ours, theirs, clip, masks)

    def step(side: 'sides.Ours | sides.Theirs') -> None:
        side.model.zero_grad()
        checks.total(side.losses(side.prepare(clip, masks))).backward()

    seconds = args.turns({side.name: partial(step, side) for side in (theirs, ours)},
                       args.rounds)
    return [_row('training step of 2 frames', seconds, 's')]


def bench_losses(args: argparse.Namespace) -> list[list[str]]:
    """Matching and losses of ten stages, with the gradients of masks and classes."""
    import checks
    case = checks.LossCase(frames=2, size=args.size)
    case.assert_same()
    seconds = args.turns(dict(mmdet=case.run_theirs, mmtmt=case.run_ours), args.rounds)
    return [_row('matching and losses, with gradients', seconds, 's')]


def bench_taxonomy(args: argparse.Namespace) -> list[list[str]]:
    """TMT-VIS over each base, on the union of three label spaces."""
    import base_parts
    return base_parts.taxonomy_shares(args.turns, args.size, args.frames[0], 2 * args.rounds + 1)


def bench_bases(args: argparse.Namespace) -> list[list[str]]:
    """Cost per frame of online bases."""
    import base_parts
    return base_parts.frame_costs(args.turns, args.size, args.frames[0], args.rounds)


def bench_gpu(args: argparse.Namespace) -> list[str]:
    """Tables of what is measured on a GPU."""
    import gpu_parts
    if not torch.cuda.is_available():
        return [gpu_parts.NOT_MEASURED]
    height, width = args.size
    frames = [f'{frames} frames' for frames in gpu_parts.MEMORY_FRAMES]
    return [
        table(['frames per second', 'fp32, forward', 'fp32, to RLE', 'bf16, forward',
               'bf16, to RLE'], gpu_parts.speed(args.size, args.frames[-1], args.rounds)),
        table(['peak memory, fp32', *frames], gpu_parts.memory(args.size)),
        table(['training step of 2 frames', 'fp32', 'bf16', 'fp32, compiled', 'bf16, compiled'],
              gpu_parts.training(args.size, args.rounds)),
        f'{torch.cuda.get_device_name()}, {height} x {width} pixels',
    ]


def bench_memory(args: argparse.Namespace) -> list[list[str]]:
    """Growth of the peak with the length of the video."""
    rows, before = [], None
    for frames in sorted(args.memory_frames):
        peak = peak_memory(args, 'mmtmt', frames)
        slope = '' if before is None else f'{(peak - before[1]) / (frames - before[0]):.1f}'
        rows.append([str(frames), f'{peak:.0f}', slope])
        before = (frames, peak)
    return rows


def _row(name: str, values: dict[str, float], unit: str) -> list[str]:
    digits = 2 if unit == 's' else 0
    numbers = [f'{values[side]:.{digits}f} {unit}' for side in ('mmdet', 'mmtmt')]
    return [name, *numbers, f'{values["mmdet"] / values["mmtmt"]:.2f}']


def machine() -> str:
    """One line on what the numbers were measured with."""
    cpu = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.exists() and 'model name' in info.read_text():
        cpu = info.read_text().split('model name')[1].split(':')[1].split('\n')[0].strip()
    load = f', load {os.getloadavg()[0]:.1f} at the end' if hasattr(os, 'getloadavg') else ''
    return (f'{cpu}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, Python '
            f'{platform.python_version()}, PyTorch {torch.__version__}{load}')


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def main(argv: list[str] | None = None) -> int:
    """Runs the parts asked for."""
    args = parse_args(argv)
    sys.path.insert(0, str(Path(__file__).parent))
    keep_freed_memory()
    args.turns = partial(in_turns, clock=time.process_time if args.busy else time.perf_counter)
    if args.busy:
        args.threads = 1
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.peak:
        print_peak(args.peak[0], int(args.peak[1]), args.size)
        return 0
    height, width = args.size
    text = '\n\n'.join([*_tables(args), f'{height} x {width} pixels. {machine()}.']) + '\n'
    print(text)
    if args.out:
        args.out.write_text(text)
    return 0


def _tables(args: argparse.Namespace) -> list[str]:
    """The tables of the parts asked for."""
    beside = dict(predict=bench_predict, train=bench_train, losses=bench_losses)
    others = dict(
        taxonomy=(['what', 'base', 'TMT-VIS', 'more time'], bench_taxonomy),
        memory=(['frames', 'peak memory, MB', 'MB per further frame'], bench_memory),
        bases=(['base', 'weights of Mask2Former-VIS', 'time per frame', 'beside it'], bench_bases))
    rows, tables = [], []
    for name in args.parts:
        print(f'{name} ...', file=sys.stderr, flush=True)
        if name in beside:
            rows += beside[name](args)
        elif name in others:
            head, bench = others[name]
            tables.append(table(head, bench(args)))
        else:
            tables += bench_gpu(args)
    if rows:
        tables.insert(0, table(['what', 'mmdet', 'mmtmt', 'ratio'], rows))
    return tables


if __name__ == '__main__':
    sys.exit(main())
