"""The processes of a distributed run: their start without a GPU, their end, and what they share."""

import gc
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import torch.distributed

# Loaded before there is a group: its functions have the group of that moment as a default argument.
# DistributedDataParallel loads it too, later, and the group would live until the process ends.
import torch.distributed.nn
from mmengine.dist import all_gather_object, barrier, is_distributed, is_main_process
from mmengine.evaluator import BaseMetric

from mmtmt.engine.config_check import ConfigError


def start_gloo(timeout: float | None = None) -> None:
    """Start a group over gloo from the variables that torchrun sets, unless there is a group.

    Args:
        timeout: Seconds that a process waits for the others; None is PyTorch's default.
    """
    if not is_distributed():
        limit = None if timeout is None else timedelta(seconds=timeout)
        torch.distributed.init_process_group(backend='gloo', timeout=limit)


def end_process_group() -> None:
    """Leave the group of processes, if there is one, and end its threads.

    The threads of a group that outlive the interpreter abort the process when they free the last
    tensor that they sent, and a finished run counts as failed.
    """
    if is_distributed():
        gc.collect()  # DistributedDataParallel, in the cycles of a runner, holds the group
        torch.distributed.destroy_process_group()


def check_seen_by_all(path: Path) -> None:
    """Make sure that every process sees a file or folder of the first one.

    Args:
        path: What the first process sees.

    Raises:
        ConfigError: Where one doesn't, in all processes.
    """
    seen = all_gather_object(path.exists())
    if not all(seen):
        raise ConfigError(
            f'{path} is not seen by {seen.count(False)} of {len(seen)} processes: '
            'work_dir has to be on a disk that all of them share'
        )


def gather_in(folder: str | Path, metrics: Iterable[BaseMetric]) -> None:
    """Let metrics hand their results over through a folder instead of the current directory.

    That they can is tried before the test, at whose end its results would be lost.

    Args:
        folder: Of this run alone. Each metric gets a folder in it for as long as it gathers.
        metrics: Those with a folder of their own, or that gather on the device, are left alone.

    Raises:
        ConfigError: If not all processes see what the first one writes there.
    """
    if not is_distributed():
        return
    waiting = [metric for metric in metrics
               if metric.collect_device == 'cpu' and metric.collect_dir is None]
    if not waiting:
        return
    gathered = Path(folder, 'gathered')
    if is_main_process():
        gathered.mkdir(parents=True, exist_ok=True)
    barrier()
    check_seen_by_all(gathered)
    for number, metric in enumerate(waiting):  # the next may begin before this one is cleared away
        metric.collect_dir = str(gathered / f'{number}')
