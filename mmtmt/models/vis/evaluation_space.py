"""The categories that a video is predicted in, and which of them its taxonomy is compiled of."""
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from mmtmt.models.outputs import CategoryContext


@dataclass
class EvaluationSpace:
    """The categories that one video is predicted in.

    Attributes:
        context: What the decoder gets, for a batch of one.
        competing: (K,) bool, the categories that take part in the classification.
        labels: (K,) int64, the evaluation label of each column, -1 where it has none.
        vocabulary: Name of the evaluation vocabulary.
    """

    context: CategoryContext
    competing: Tensor
    labels: Tensor
    vocabulary: str = ''


def compiled_labels(scores: Tensor, space: EvaluationSpace, num_selected: int) -> list[int]:
    """The categories that a video's taxonomy is compiled of.

    Args:
        scores: (K,), or (K + 1,) with those of a background, the mean over frames.
        space: Of the video.
        num_selected: N_T.

    Returns:
        Evaluation labels of the best N_T candidates, best first; of the union's candidates some
        have none, and neither has the background.
    """
    more = (0, len(scores) - len(space.labels))
    candidates = F.pad(space.context.candidates[0], more, value=True)
    count = min(num_selected, int(candidates.sum()))
    best = scores.masked_fill(~candidates, float('-inf')).topk(count).indices
    labels = F.pad(space.labels, more, value=-1)[best]
    return labels[labels >= 0].tolist()
