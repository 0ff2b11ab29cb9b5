"""Which queries of a reference frame show an object of the key frame, and which do not."""
import torch

from mmtmt.models.losses.contrastive import ContrastChoice, draw_negatives
from mmtmt.models.task_modules.ota_assigner import PairCosts, assign_dynamically
from mmtmt.registry import TASK_UTILS


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
