"""One-to-one matching of queries and instances over the frames of a clip."""
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmtmt.models.task_modules.match_costs import pairwise_mask_costs
from mmtmt.registry import TASK_UTILS


@TASK_UTILS.register_module()
class VideoHungarianMatcher:
    """Costs of class, mask and dice at random points shared by all masks and frames.

    The costs of all stages and clips are made first, see `collect_finite`, then `solve`d.

    Args:
        class_cost: Weight of minus the probability of the instance's class (not its
            logarithm, so that it stays commensurable with the mask costs).
        mask_cost: Weight of the binary cross-entropy.
        dice_cost: Weight of the dice cost.
        num_points: P per frame.
    """

    def __init__(self, *, class_cost: float = 2.0, mask_cost: float = 5.0, dice_cost: float = 5.0,
                 num_points: int = 12544) -> None:
        self.class_cost = class_cost
        self.mask_cost = mask_cost
        self.dice_cost = dice_cost
        self.num_points = num_points

    def draw_points(self, device: torch.device) -> Tensor:
        """Draw the points of a clip.

        Args:
            device: Where to.

        Returns:
            (P, 2), x then y in [0, 1].
        """
        return torch.rand(1, self.num_points, 2, device=device)[0]

    @torch.no_grad()
    def costs(self, probabilities: Tensor, logits: Tensor, labels: Tensor,
              masks: Tensor) -> Tensor:
        """Costs of all pairs of a clip.

        Args:
            probabilities: (Q, K + 1).
            logits: (T * P, Q) of the masks at the points.
            labels: (N,) int64.
            masks: (N, T * P) of the instances in [0, 1].

        Returns:
            (Q, N).
        """
        bce, dice = pairwise_mask_costs(logits, masks)
        return (self.class_cost * -probabilities[:, labels] + self.mask_cost * bce +
                self.dice_cost * dice)


def solve(costs: Tensor) -> tuple[Tensor, Tensor]:
    """One-to-one pairs of least total cost.

    Args:
        costs: (Q, N), finite, on the CPU.

    Returns:
        Query and instance indices of the min(Q, N) pairs, by query.
    """
    queries, instances = linear_sum_assignment(costs.numpy())
    return torch.from_numpy(queries), torch.from_numpy(instances)
