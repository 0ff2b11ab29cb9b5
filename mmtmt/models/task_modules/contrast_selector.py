"""Which queries of a reference frame show an object of the key frame, and which do not."""
from typing import NamedTuple

import torch
from torch import Tensor

from mmtmt.models.task_modules.ota_assigner import PairCosts, assign_dynamically
from mmtmt.registry import TASK_UTILS

FEWEST_NEGATIVES = 10  # of the auxiliary loss, where an object has no positive
NEGATIVES_PER_POSITIVE = 10


class ContrastChoice(NamedTuple):
    """Queries of the reference frame for each object.

    Attributes:
        positive: (N, Q) bool, its own queries.
        negative: (N, Q) bool, queries that may serve as those of something else.
        drawn: (N, Q) bool, some of these for the auxiliary loss.
    """

    positive: Tensor
    negative: Tensor
    drawn: Tensor


def sample_negatives(population: int, count: int) -> Tensor:
    """Draw negatives without replacement.

    Args:
        population: How many there are.
        count: How many to draw.

    Returns:
        (count,) int64 positions.
    """
    return torch.randperm(population)[:count]


def draw_negatives(positive: Tensor, negative: Tensor) -> Tensor:
    """Draw ten negatives per positive of each object; ten where it has none.

    Args:
        positive: (N, Q) bool, on the CPU.
        negative: (N, Q) bool, on the CPU.

    Returns:
        (N, Q) bool.
    """
    drawn = torch.zeros_like(negative)
    for row, own, others in zip(drawn, positive, negative):
        candidates = others.nonzero().squeeze(1)
        wanted = NEGATIVES_PER_POSITIVE * int(own.sum()) or FEWEST_NEGATIVES
        count = min(wanted, len(candidates))
        row[candidates[sample_negatives(len(candidates), count)]] = True
    return drawn


@TASK_UTILS.register_module()
class ContrastSelector:
    """IDOL's choice for the contrastive loss (arXiv 2207.10661, section 3.2).

    Args:
        positive_candidates: Overlaps whose sum is the number of positives of an object.
        negative_candidates: The same for the larger set whose complement are the negatives.
    """

    def __init__(self, *, positive_candidates: int = 10, negative_candidates: int = 100) -> None:
        self.positive_candidates = positive_candidates
        self.negative_candidates = negative_candidates

    @torch.no_grad()
    def __call__(self, costs: PairCosts) -> ContrastChoice:
        """Choose the queries of one reference frame.

        Args:
            costs: (Q, N) of the last stage and the objects that the frame shows, on the CPU.

        Returns:
            The choice, on the CPU.
        """
        # one after the other: objects left without by the first raise the costs of the second too
        positive, related = (
            assign_dynamically(*costs, candidates).t()
            for candidates in (self.positive_candidates, self.negative_candidates))
        return ContrastChoice(positive, ~related, draw_negatives(positive, ~related))
