"""GenVIS' label assignment over the clips of a video: an instance keeps its first query."""
import torch
from torch import Tensor

from mmtmt.models.task_modules.hungarian_matcher import solve


def assign_new_instances(costs: Tensor, queries: Tensor, visible: Tensor) -> Tensor:
    """Give queries to the instances that appear for the first time (UVLA; GenVIS, section 3.3).

    Queries of instances that this clip shows are not free. Those of instances that have gone are,
    as in the official code: should such an instance come back, two instances share a query.
    Everything is on the CPU.

    Args:
        costs: (Q, n) of the n new instances, those that are visible and have no query yet.
        queries: (N,) int64, the query of each instance of the video, -1 where it has none yet.
        visible: (N,) bool, the instances that this clip shows.

    Returns:
        (N,) int64, `queries` with the new ones filled in.
    """
    new = (visible & (queries < 0)).nonzero().squeeze(1)
    free = torch.ones(len(costs), dtype=torch.bool)
    free[queries[visible & (queries >= 0)]] = False
    free = free.nonzero().squeeze(1)
    rows, columns = solve(costs[free])
    queries = queries.clone()
    queries[new[columns]] = free[rows]
    return queries
