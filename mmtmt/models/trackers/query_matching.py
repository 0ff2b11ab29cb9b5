"""Linking the queries of consecutive frames by similarity (MinVIS)."""
import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmtmt.models.utils.products import inner_products


def query_distances(previous: Tensor, current: Tensor) -> Tensor:
    """1 - cosine of all pairs.

    Args:
        previous: (..., Q, C) query embeddings.
        current: (..., P, C) query embeddings.

    Returns:
        (..., Q, P) from 0 to 2.
    """
    previous, current = (F.normalize(x.float(), dim=-1) for x in (previous, current))
    return 1 - inner_products(previous, current)


@torch.no_grad()
def match_frames(previous: Tensor | None, frames: Tensor) -> Tensor:
    """The order of the queries of each of several frames that follows those of the frame before.

    One-to-one assignment of least total 1 - cosine (MinVIS, section 3.2).
    The similarities of all frames are computed and brought to the host at once, each frame
    against the one before as it was decoded; the orders then add up.

    Args:
        previous: (Q, C) query embeddings, in their own reordered order; None begins a video,
            whose first frame keeps its order.
        frames: (T, Q, C) query embeddings of the frames that follow.

    Returns:
        (T, Q) int64 permutations: `frames[t][permutations[t, q]]` continues `previous[q]`.
    """
    chain = frames if previous is None else torch.cat((previous[None], frames))
    costs = query_distances(chain[:-1], chain[1:]).cpu().numpy()
    orders = [np.arange(frames.shape[1])]
    for cost in costs:
        orders.append(linear_sum_assignment(cost)[1][orders[-1]])
    return torch.as_tensor(np.stack(orders[-len(frames):]), device=frames.device)
