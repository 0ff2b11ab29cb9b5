"""One-to-one matching of queries and instances over the frames of a clip."""
import torch
from mmengine.logging import print_log
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmtmt.models.losses.mask_losses import pairwise_mask_costs
from mmtmt.models.losses.point_sampling import sample_points
from mmtmt.registry import TASK_UTILS


@TASK_UTILS.register_module()
class VideoHungarianMatcher:
    """Matches by class, mask and dice cost at random points shared by all masks and frames.

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

    @torch.no_grad()
    def __call__(self, probabilities: Tensor, mask_logits: Tensor, labels: Tensor,
                 masks: Tensor) -> tuple[Tensor, Tensor]:
        """Match one clip.

        Args:
            probabilities: (Q, K + 1).
            mask_logits: (T, Q, H, W).
            labels: (N,) int64.
            masks: (N, T, H', W') float in [0, 1].

        Returns:
            Query and instance indices of the min(Q, N) pairs, by query.
        """
        return solve(self.costs(probabilities, mask_logits, labels, masks))

    @torch.no_grad()
    def costs(self, probabilities: Tensor, mask_logits: Tensor, labels: Tensor,
              masks: Tensor) -> Tensor:
        """Costs of all pairs of a clip; the arguments are those of a call.

        Args:
            probabilities: (Q, K + 1).
            mask_logits: (T, Q, H, W).
            labels: (N,) int64.
            masks: (N, T, H', W') float in [0, 1].

        Returns:
            (Q, N), finite.
        """
        points = torch.rand(1, self.num_points, 2, device=mask_logits.device)
        predicted = sample_points(mask_logits.float(), points).transpose(0, 1).flatten(1)
        target = sample_points(masks, points).flatten(1)
        bce, dice = pairwise_mask_costs(predicted, target)
        costs = (self.class_cost * -probabilities[:, labels] + self.mask_cost * bce +
                 self.dice_cost * dice)
        if not bool(costs.isfinite().all()):
            # any matching does: the loss is not finite either, and that is what gets reported
            print_log('matching costs are not finite', 'current', 30)
            costs = torch.nan_to_num(costs, nan=0.0, posinf=1e6, neginf=-1e6)
        return costs


def solve(costs: Tensor) -> tuple[Tensor, Tensor]:
    """One-to-one pairs of least total cost.

    Args:
        costs: (Q, N), finite.

    Returns:
        Query and instance indices of the min(Q, N) pairs, by query.
    """
    queries, instances = linear_sum_assignment(costs.cpu().numpy())
    return (torch.as_tensor(queries, device=costs.device),
            torch.as_tensor(instances, device=costs.device))
