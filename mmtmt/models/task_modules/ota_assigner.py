"""Assignment of several queries to each object by optimal transport with a dynamic number."""
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmtmt.models.task_modules.match_costs import FOCAL_ALPHA, FOCAL_GAMMA, collect_finite
from mmtmt.models.utils.boxes import pairwise_giou, pairwise_iou
from mmtmt.registry import TASK_UTILS

CENTRE_RADIUS = 2.5 / 32  # of the square around an object's centre, as a fraction of the image
GIOU_COST = 3.0
OFF_CENTRE_COST = 100.0
OUTSIDE_COST = 1e4
TAKEN_COST = 1e5
EPSILON = 1e-8


class OTAMatch(NamedTuple):
    """Which queries were assigned to which objects.

    Attributes:
        queries: (M,) int64, rising.
        objects: (M,) int64, the object of each.
        best: (N,) int64, of each object the query of lowest cost.
    """

    queries: Tensor
    objects: Tensor
    best: Tensor


class PairCosts(NamedTuple):
    """How well queries and objects fit.

    Attributes:
        cost: (..., Q, N).
        iou: (..., Q, N).
    """

    cost: Tensor
    iou: Tensor


@torch.no_grad()
def pair_costs(class_logits: Tensor, boxes: Tensor, labels: Tensor,
               target_boxes: Tensor) -> PairCosts:
    """Focal class cost, generalised IoU, and penalties for centres outside of an object's.

    Args:
        class_logits: (..., Q, K).
        boxes: (..., Q, 4) in centre form.
        labels: (N,) int64.
        target_boxes: (N, 4) in centre form.

    Returns:
        Costs and overlaps.
    """
    boxes = boxes.float()
    probability = class_logits[..., labels].float().sigmoid()
    negative = (1 - FOCAL_ALPHA) * probability**FOCAL_GAMMA * -(1 - probability + EPSILON).log()
    positive = FOCAL_ALPHA * (1 - probability)**FOCAL_GAMMA * -(probability + EPSILON).log()
    centres, target_centres = boxes[..., :, None, :2], target_boxes[:, :2]
    half = target_boxes[:, 2:] / 2
    in_box, in_square = (
        ((centres > target_centres - radius) & (centres < target_centres + radius)).all(-1)
        for radius in (half, CENTRE_RADIUS))
    cost = positive - negative - GIOU_COST * pairwise_giou(boxes, target_boxes)
    cost = cost + OFF_CENTRE_COST * ~(in_box & in_square)
    # a query that is near no object at all
    cost = cost + OUTSIDE_COST * ~(in_box.any(-1) | in_square.any(-1))[..., None]
    return PairCosts(cost, pairwise_iou(boxes, target_boxes))


def collect_costs(costs: Sequence[PairCosts]) -> list[PairCosts]:
    """Copy costs and overlaps to the CPU at once, where the assignment runs.

    Args:
        costs: Of any shapes.

    Returns:
        Finite copies, see `collect_finite`.
    """
    copies = collect_finite([part for pair in costs for part in pair])
    return [PairCosts(*pair) for pair in zip(copies[::2], copies[1::2])]


def assign_dynamically(cost: Tensor, iou: Tensor, num_candidates: int) -> Tensor:
    """Give each object its cheapest queries, as many as its best overlaps add up to.

    A query that several objects want goes to the cheapest. An object that is left without gets the
    cheapest free query; that two such objects may get the same is as in the official code.

    Args:
        cost: (Q, N); the rows of taken queries rise where objects were left without.
        iou: (Q, N).
        num_candidates: Overlaps that are added up.

    Returns:
        (Q, N) bool.
    """
    assigned = torch.zeros_like(cost, dtype=torch.bool)
    if not cost.shape[1]:
        return assigned
    overlaps = iou.topk(min(num_candidates, len(iou)), dim=0).values
    numbers = overlaps.sum(0).int().clamp(min=1)
    for column, number in enumerate(numbers.tolist()):
        assigned[cost[:, column].topk(number, largest=False).indices, column] = True
    contested = assigned.sum(1) > 1
    _keep_cheapest(assigned, cost, contested)
    for _ in range(cost.shape[1]):  # ends earlier unless there are more objects than queries
        without = (~assigned.any(0)).nonzero().squeeze(1)
        if not len(without):
            break
        cost[assigned.any(1)] += TAKEN_COST
        assigned[cost[:, without].argmin(0), without] = True
        if bool((assigned.sum(1) > 1).any()):
            _keep_cheapest(assigned, cost, contested)
    return assigned


def _keep_cheapest(assigned: Tensor, cost: Tensor, rows: Tensor) -> None:
    """Leave one object to each of some queries."""
    rows = rows.nonzero().squeeze(1)
    assigned[rows] = False
    assigned[rows, cost[rows].argmin(1)] = True


@TASK_UTILS.register_module()
class OTAAssigner:
    """IDOL's assignment of queries to the objects of a key frame (arXiv 2207.10661, section 3.2).

    Args:
        num_candidates: Overlaps whose sum is the number of queries of an object.
    """

    def __init__(self, *, num_candidates: int = 10) -> None:
        self.num_candidates = num_candidates

    @torch.no_grad()
    def __call__(self, costs: PairCosts) -> list[OTAMatch]:
        """Assign the queries of one image, separately for each stage of the decoder.

        Args:
            costs: (S, Q, N) of S stages, on the CPU.

        Returns:
            The match of each stage, on the CPU.
        """
        return [self._assign(cost, iou) for cost, iou in zip(*costs)]

    def _assign(self, cost: Tensor, iou: Tensor) -> OTAMatch:
        if not cost.shape[1]:
            return OTAMatch(*[torch.zeros(0, dtype=torch.int64)] * 3)
        assigned = assign_dynamically(cost, iou, self.num_candidates)
        queries = assigned.any(1).nonzero().squeeze(1)
        best = cost.masked_fill(~assigned, float('inf')).argmin(0)
        return OTAMatch(queries, assigned[queries].int().argmax(1), best)
