"""Calls that run ahead in threads."""

import threading
import time

import pytest

from mmtmt.structures import threads
from mmtmt.structures.threads import map_ahead, num_threads


@pytest.fixture(params=[1, 3])
def number(request, monkeypatch):
    monkeypatch.setattr(threads, 'num_threads', lambda: request.param)
    return request.param


def test_values_come_in_the_order_of_the_items(number):
    def late(item):
        time.sleep(0.01 * (item % 3 == 0))
        return -item

    assert list(map_ahead(late, iter(range(20)))) == [-item for item in range(20)]
    assert list(map_ahead(late, [])) == []


def test_one_thread_is_the_callers(number):
    names = set(map_ahead(lambda item: threading.get_ident(), range(20)))
    assert (names == {threading.get_ident()}) == (number == 1)


def test_few_items_are_taken_ahead(number):
    taken = []
    values = map_ahead(lambda item: item, (taken.append(item) or item for item in range(100)))
    next(values)
    assert len(taken) <= number + 2
    values.close()
    assert len(taken) <= number + 2


@pytest.mark.parametrize('side', ['function', 'items'])
def test_errors_come_after_the_values_before_them(number, side):
    def items():
        yield from range(5)
        if side == 'items':
            raise ValueError('five')
        yield from range(5, 100)

    def function(item):
        if item == 5:
            raise ValueError('five')
        return item

    values = []
    with pytest.raises(ValueError, match='five'):
        for value in map_ahead(function, items()):
            values.append(value)
    assert values == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(('asked', 'expected'), [('1', 1), ('2', 2), ('0', 1), ('64', 4)])
def test_threads_follow_the_environment(monkeypatch, asked, expected):
    monkeypatch.setattr(threads.os, 'sched_getaffinity', lambda process: range(16), raising=False)
    monkeypatch.setenv('OMP_NUM_THREADS', asked)
    assert num_threads() == expected


@pytest.mark.parametrize('asked', ['', 'two', '-1'])
def test_threads_are_those_of_the_cores(monkeypatch, asked):
    monkeypatch.setenv('OMP_NUM_THREADS', asked)
    monkeypatch.setattr(threads.os, 'sched_getaffinity', lambda process: range(3), raising=False)
    assert num_threads() == 3
    monkeypatch.delattr(threads.os, 'sched_getaffinity')
    monkeypatch.setattr(threads.os, 'cpu_count', lambda: 2)
    assert num_threads() == 2
