"""Supervision of the taxonomy scores."""
import torch
import torch.nn.functional as F
from torch import Tensor


def score_loss(score_logits: Tensor, labels: list[Tensor], vocabulary: Tensor) -> Tensor:
    """Multi-label cross-entropy of the category scores against the categories of each clip.

    Summed over the categories of a sample's vocabulary, divided by its positives (at least 1),
    averaged over samples; categories outside the vocabulary have no weight.

    Args:
        score_logits: (B, K).
        labels: B int64 tensors (N,) of the instances' categories.
        vocabulary: (B, K) bool.

    Returns:
        Scalar.
    """
    present = torch.zeros_like(vocabulary)
    for row, categories in zip(present, labels):
        row[categories] = True
    loss = F.binary_cross_entropy_with_logits(
        score_logits.float(), present.float(), reduction='none')
    positives = present.sum(1).clamp(min=1)
    return ((loss * vocabulary).sum(1) / positives).mean()


@torch.no_grad()
def taxonomy_recall(selected: Tensor, padding: Tensor, labels: list[Tensor]) -> Tensor:
    """Share of the ground-truth categories of each clip that are among the selected ones.

    Args:
        selected: (B, N_T) int64.
        padding: (B, N_T) bool, True where nothing was selected.
        labels: B int64 tensors (N,) of the instances' categories.

    Returns:
        Scalar in [0, 1], the mean over samples with objects; 1 when none has any.
    """
    shares = []
    for chosen, empty, categories in zip(selected, padding, labels):
        if len(categories):
            # a category counts once, however many instances share it
            share = 1 / (categories[:, None] == categories).sum(1)
            found = (categories[:, None] == chosen.masked_fill(empty, -1)).any(1)
            shares.append((share * found).sum() / share.sum())
    return torch.stack(shares).mean() if shares else selected.new_ones((), dtype=torch.float32)
