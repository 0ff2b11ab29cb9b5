"""The group of processes of a distributed run: its start without a GPU, and its orderly end."""

import gc
from datetime import timedelta

import torch.distributed

# Loaded before there is a group: its functions have the group of that moment as a default argument.
# DistributedDataParallel loads it too, later, and the group would live until the process ends.
import torch.distributed.nn
from mmengine.dist import is_distributed


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
