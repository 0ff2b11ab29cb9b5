"""Linking the queries of consecutive clips or frames by similarity (MinVIS)."""
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor


@torch.no_grad()
def match_queries(previous: Tensor, current: Tensor) -> Tensor:
    """The order of the current queries that follows the previous ones.

    One-to-one assignment of least total 1 - cosine (MinVIS, section 3.2).

    Args:
        previous: (Q, C) query embeddings, in their own reordered order.
        current: (Q, C) query embeddings.

    Returns:
        (Q,) int64 permutation: `current[permutation[q]]` continues `previous[q]`.
    """
    cosine = F.normalize(previous.float(), dim=1) @ F.normalize(current.float(), dim=1).t()
    _, permutation = linear_sum_assignment((1 - cosine).cpu().numpy())
    return torch.as_tensor(permutation, device=current.device)
