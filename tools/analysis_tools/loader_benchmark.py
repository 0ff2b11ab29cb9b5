"""Training clips per second beside mmdet 3.3's pipeline, after asserting that both give the same.

Both sides read the same JPEG files, fit them into 360 x 640 pixels with the same filter of OpenCV
and mirror half of the clips; mmdet gets the annotations in the form that it needs. The sides run
in turns; rates are medians, ratios those of neighbouring turns. On a machine that does other
work as well, the ratio of CPU time tells more. Prints a table in Markdown.

python tools/analysis_tools/loader_benchmark.py --source FOLDER
"""
import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader, Dataset

from mmtmt.datasets.synthetic import SyntheticOptions, generate
from mmtmt.utils.memory import keep_freed_memory

SIZE = (360, 640)
WARM_UP = 8


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--source', type=Path,
                        help='folder whose folders hold a train.json and JPEGImages; default: '
                        '$MMTMT_SHARED/realdata, and generated videos without it')
    parser.add_argument('--heights', nargs='+', type=int, default=[0, 720],
                        help='heights to store the frames at; 0: as they are')
    parser.add_argument('--frames', nargs='+', type=int, default=[2, 5], help='frames per clip')
    parser.add_argument('--workers', nargs='+', type=int, default=[0, 2])
    parser.add_argument('--clips', type=int, default=40, help='clips per turn')
    parser.add_argument('--rounds', type=int, default=3, help='turns of each side')
    return parser.parse_args(argv)


def find_sources(source: Path | None, folder: Path) -> list[Path]:
    """Folders of videos: those asked for, or generated ones.

    Args:
        source: Folder of such folders.
        folder: Where to generate videos.

    Returns:
        The folders.
    """
    if source is None and 'MMTMT_SHARED' in os.environ:
        source = Path(os.environ['MMTMT_SHARED']) / 'realdata'
    if source is None:
        generate(folder, SyntheticOptions(train=4, valid=1, length=20, height=270, width=480))
        source = folder
    found = [path.parent for path in sorted(source.glob('*/train.json'))]
    if not found:
        raise SystemExit(f'{source}: expected folders with a train.json')
    return found


class Reading(NamedTuple):
    """One turn of one side.

    Attributes:
        rate: Clips per second, after a few that start the workers.
        cost: Seconds of processors per clip, those of workers and of what starts them included.
    """

    rate: float
    cost: float


def read_clips(dataset: Dataset, sampler: torch.utils.data.Sampler, workers: int) -> Reading:
    """Load clips in batches of two."""
    used = seconds_of_processors()
    loader = iter(DataLoader(dataset, batch_size=2, sampler=sampler, num_workers=workers,
                             collate_fn=pseudo_collate))
    for _ in range(WARM_UP // 2):
        next(loader)
    begin = time.perf_counter()
    for _ in loader:
        pass
    rate = (len(sampler) - WARM_UP) / (time.perf_counter() - begin)
    del loader  # waits for the workers, whose time counts from then on
    return Reading(rate, (seconds_of_processors() - used) / len(sampler))


def seconds_of_processors() -> float:
    """Time of processors that this process and those that it has waited for have used."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def measure(args: argparse.Namespace, stored: Any) -> list[list[str]]:
    """Rows of the table for one `loader_sides.StoredSet`."""
    import loader_sides
    source = '{} x {}'.format(*stored.frame_shape)
    rows = []
    for num_frames in args.frames:
        sides = [(make(stored, num_frames, SIZE), keys) for make, keys in (
            (loader_sides.theirs, False), (loader_sides.ours, True))]
        for workers in args.workers:
            readings: list[list[Reading]] = [[], []]
            for _ in range(args.rounds):
                for values, (dataset, keys) in zip(readings, sides):
                    sampler = loader_sides.RandomVideos(
                        len(dataset), args.clips + WARM_UP, keys)
                    values.append(read_clips(dataset, sampler, workers))
            rates = [statistics.median(value.rate for value in values) for values in readings]
            # neighbours in time, so that what else runs meanwhile slows down both
            pairs = list(zip(*readings))
            ratio = statistics.median(own.rate / other.rate for other, own in pairs)
            saved = statistics.median(other.cost / own.cost for other, own in pairs)
            rows.append([source, str(num_frames), str(workers), *(f'{rate:.1f}' for rate in rates),
                         f'{ratio:.2f}', f'{saved:.2f}'])
    return rows


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark."""
    args = parse_args(argv)
    sys.path.insert(0, str(Path(__file__).parent))
    import loader_sides
    from benchmark import machine, table
    # for both sides, as the training script does
    keep_freed_memory()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sources = find_sources(args.source, Path(folder) / 'generated')
        for height in args.heights:
            root = Path(folder) / str(height)
            root.mkdir()
            stored = loader_sides.store_set(sources, root, height)
            overlap = loader_sides.assert_same_clips(stored, SIZE)
            print(f'{stored.frame_shape}: same clips; resized masks have a mean IoU of '
                  f'{overlap:.3f}', file=sys.stderr)
            rows += measure(args, stored)
    head = ['stored frames', 'frames per clip', 'workers', 'mmdet, clips/s', 'mmtmt, clips/s',
            'ratio', 'ratio of CPU time']
    print(table(head, rows))
    print(f'\n{machine()}.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
