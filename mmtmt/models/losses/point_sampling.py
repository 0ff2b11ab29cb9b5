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
    if len(points) == 1 and maps.shape[1] > 1 and maps.device.type == 'cpu' and not (
            torch.is_grad_enabled() and maps.requires_grad):
        return _sample_shared_points(maps, points[0])
    grid = (2.0 * points - 1.0)[:, :, None].expand(maps.shape[0], -1, -1, -1)
    return F.grid_sample(maps, grid, mode='bilinear', align_corners=False).squeeze(3)


def _sample_shared_points(maps: Tensor, points: Tensor) -> Tensor:
    """The same as a weighted sum of four rows of C numbers per point: on CPUs ten times as fast.

    Args:
        maps: (N, C, H, W), best with channels last.
        points: (P, 2).

    Returns:
        (N, C, P), channels last in memory.
    """
    num, channels, height, width = maps.shape
    x, y = (points * points.new_tensor([width, height]) - 0.5).unbind(-1)
    left, top = x.floor(), y.floor()
    rows, weights = [], []
    for row, row_weight in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, column_weight in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            rows.append(row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long())
            weights.append(row_weight * column_weight * inside)
    rows, weights = torch.stack(rows, dim=1), torch.stack(weights, dim=1)
    table = maps.movedim(1, -1).reshape(num, height * width, channels)
    read = maps.new_empty(num, len(points), channels)
    for into, pixels in zip(read, table):
        into.copy_(F.embedding_bag(rows, pixels, mode='sum', per_sample_weights=weights.to(pixels)))
    return read.transpose(1, 2)


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
