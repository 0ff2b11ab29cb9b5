"""Linking the chunks of a long video by the frames that consecutive ones share."""
import math
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmtmt.models.trackers.query_matching import query_distances
from mmtmt.models.utils.products import inner_products


def chunk_length(num_frames: int, longest: int, overlap: int = 0, unit: int = 1) -> int:
    """The length of the chunks that a video is cut into: equal ones, not a short one at the end.

    Args:
        num_frames: Of the video, at least 1.
        longest: Frames of a chunk at most.
        overlap: Frames that a chunk shares with the one before, fewer than `longest`.
        unit: The length is a multiple of it, if need be a little more than `longest`.

    Returns:
        Frames of a chunk; at least `num_frames` if these are at most `longest`.
    """
    length = num_frames
    if num_frames > longest:
        chunks = math.ceil((num_frames - overlap) / (longest - overlap))
        length = math.ceil((num_frames - overlap) / chunks) + overlap
    return math.ceil(length / unit) * unit


@dataclass
class ChunkLinker:
    """Puts the queries of each chunk into the order of those of the chunk before.

    One-to-one assignment of least total cost: 1 - cosine of the queries, plus 1 - IoU of their
    masks on the shared frames. Where neither query sees anything on these frames the similarity
    alone decides; without shared frames it always does.

    Attributes:
        queries: (Q, C) of the last chunk, in the order of the first one; None before.
        mask_embeds: (Q, C_mask) of the last chunk, in that order.
    """

    queries: Tensor | None = None
    mask_embeds: Tensor | None = None

    @torch.no_grad()
    def link(self, queries: Tensor, mask_embeds: Tensor, shared: Tensor | None = None) -> Tensor:
        """Take in the next chunk.

        Args:
            queries: (Q, C) query embeddings.
            mask_embeds: (Q, C_mask).
            shared: (t, C_mask, H, W) mask features of the frames that are in the chunk before too.

        Returns:
            (Q,) int64 permutation: query `permutation[q]` continues query q.
        """
        if self.queries is None:
            order = torch.arange(len(queries), device=queries.device)
        else:
            cost = query_distances(self.queries, queries)
            if shared is not None and len(shared):
                cost = cost + 1 - shared_overlaps(self.mask_embeds, mask_embeds, shared)
            order = torch.as_tensor(
                linear_sum_assignment(cost.cpu().numpy())[1], device=queries.device)
        self.queries, self.mask_embeds = queries[order], mask_embeds[order]
        return order


def shared_overlaps(previous: Tensor, current: Tensor, features: Tensor) -> Tensor:
    """IoU of the masks of two sets of queries over the same frames, at the size of the features.

    The masks of one frame are there at a time.

    Args:
        previous: (Q, C) mask embeddings.
        current: (P, C) mask embeddings.
        features: (t, C, H, W).

    Returns:
        (Q, P) from 0 to 1; 0 where both masks are empty.
    """
    both = features.new_zeros(len(previous), len(current), dtype=torch.float32)
    either = torch.zeros_like(both)
    for pixels in features.flatten(2):
        first, second = ((embeds @ pixels > 0).float() for embeds in (previous, current))
        both += inner_products(first, second)
        either += first.sum(1)[:, None] + second.sum(1)
    return both / (either - both).clamp(min=1)
