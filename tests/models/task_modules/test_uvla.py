"""An instance keeps the query that it was given when it appeared."""
import torch

from mmtmt.models.task_modules import assign_new_instances


def assign(costs, queries, visible):
    return assign_new_instances(
        torch.tensor(costs), torch.tensor(queries), torch.tensor(visible)).tolist()


def test_new_instances_take_the_best_free_queries():
    costs = [[0.0], [1.0], [2.0]]
    # query 0 belongs to an instance that the clip shows
    assert assign(costs, [0, -1], [True, True]) == [0, 1]
    # its instance has gone: the query is free
    assert assign(costs, [0, -1], [False, True]) == [0, 0]
    # an instance that has not appeared waits
    assert assign(costs, [-1, -1], [False, True]) == [-1, 0]


def test_nothing_new():
    costs = torch.zeros(3, 0)
    queries = torch.tensor([2, -1])
    assert torch.equal(
        assign_new_instances(costs, queries, torch.tensor([True, False])), queries)
    none = torch.zeros(0, dtype=torch.int64)
    assert len(assign_new_instances(costs, none, none.bool())) == 0


def test_more_new_instances_than_free_queries():
    costs = [[5.0, 1.0]]
    assert assign(costs, [-1, -1], [True, True]) == [-1, 0]
