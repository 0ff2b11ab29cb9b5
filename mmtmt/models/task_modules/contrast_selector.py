"""Which queries of a reference frame show an object of the key frame, and which do not."""
import torch
from torch import Tensor

from mmtmt.models.losses.contrastive import ContrastChoice
from mmtmt.models.task_modules.ota_assigner import assign_dynamically, pair_costs
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
    def __call__(self, class_logits: Tensor, boxes: Tensor, labels: Tensor,
                 target_boxes: Tensor) -> ContrastChoice:
        """Choose the queries of one reference frame.

        Args:
            class_logits: (Q, K) of the last stage.
            boxes: (Q, 4) in centre form.
            labels: (N,) int64, of objects that the frame shows.
            target_boxes: (N, 4) in centre form, in the reference frame.

        Returns:
            The choice.
        """
        cost, iou = pair_costs(class_logits, boxes, labels, target_boxes)
        # one after the other: objects left without by the first raise the costs of the second too
        positive, related = (
            assign_dynamically(cost, iou, candidates).t().to(labels.device)
            for candidates in (self.positive_candidates, self.negative_candidates))
        return ContrastChoice(positive, ~related)
