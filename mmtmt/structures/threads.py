"""Threads for work that NumPy does outside of Python's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar('Item')
Value = TypeVar('Value')

# With more of them threads wait for Python's lock for longer than they compute.
MOST_THREADS = 4


def num_threads() -> int:
    """How many threads may compute at once.

    Returns:
        The cores that this process may run on, or what ``OMP_NUM_THREADS`` says, as for the other
        libraries (torchrun sets it to 1), but `MOST_THREADS` at most.
    """
    # macOS and Windows don't tell the cores of a process
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    asked = os.environ.get('OMP_NUM_THREADS', '')
    return min(cores, MOST_THREADS, max(1, int(asked)) if asked.isdecimal() else cores)


def map_ahead(function: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Value]:
    """Like `map`, with calls that run ahead in threads while items and values are dealt with.

    `num_threads` says how many threads; of one there is none but the caller's. Items and values
    that wait are two more at most.

    Args:
        function: Is called in a thread of its own.
        items: Taken one at a time, in the caller's thread.

    Yields:
        The values in the order of the items.

    Raises:
        Exception: What the function or the items raise, after the values before it.
    """
    threads = num_threads()
    if threads < 2:
        yield from map(function, items)
        return
    ahead: deque[Future[Value]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for future in _submitted(pool, function, items):
                ahead.append(future)
                if len(ahead) > threads + 1:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _submitted(
    pool: ThreadPoolExecutor, function: Callable[[Item], Value], items: Iterable[Item]
) -> Iterator[Future[Value]]:
    """The calls; what the items raise comes last, so that the values before it aren't lost."""
    try:
        for item in items:
            yield pool.submit(function, item)
    except Exception as error:
        failed: Future[Value] = Future()
        failed.set_exception(error)
        yield failed
