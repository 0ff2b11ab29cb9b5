"""Bilinear sampling of masks at points, uniform and by uncertainty (PointRend)."""
import torch
import torch.nn.functional as F
from torch import Tensor


def sample_points(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps at points by bilinear interpolation, zero outside.

    Args:
        maps: (N, C, H, W).
        points: (N, P, 2) or (1, P, 2), shared by all maps; x then y in [0, 1].

    Returns:
        (N, C, P).
    """
    grid = (2.0 * points - 1.0)[:, :, None].expand(maps.shape[0], -1, -1, -1)
    return F.grid_sample(maps, grid, mode='bilinear', align_corners=False).squeeze(3)


@torch.no_grad()
def uncertain_points(logits: Tensor, num_points: int, oversample_ratio: float,
                     importance_sample_ratio: float) -> Tensor:
    """Choose points near the decision border of each map, and some anywhere.

    Args:
        logits: (N, 1, H, W).
        num_points: P.
        oversample_ratio: Candidates per point, at least 1.
        importance_sample_ratio: Share of the points taken by uncertainty.

    Returns:
        (N, P, 2), the uncertain points first.
    """
    num_maps = logits.shape[0]
    num_candidates = int(num_points * oversample_ratio)
    num_uncertain = int(importance_sample_ratio * num_points)
    candidates = torch.rand(num_maps, num_candidates, 2, device=logits.device)
    uncertainty = -sample_points(logits, candidates)[:, 0].abs()
    chosen = uncertainty.topk(num_uncertain, dim=1).indices
    points = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    anywhere = torch.rand(num_maps, num_points - num_uncertain, 2, device=logits.device)
    return torch.cat((points, anywhere), dim=1)
