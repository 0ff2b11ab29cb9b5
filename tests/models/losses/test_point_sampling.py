"""Reading masks at points: the fast form for shared points equals grid_sample, edges included."""
import pytest
import torch
import torch.nn.functional as F

from mmtmt.models.losses.point_sampling import (
    draw_points,
    sample_points,
    sample_shared_points,
    uncertain_points,
)


def reference(maps, points):
    grid = (2 * points - 1)[:, :, None].expand(len(maps), -1, -1, -1)
    return F.grid_sample(maps, grid, mode='bilinear', align_corners=False)[..., 0]


def test_shared_points_equal_grid_sample():
    torch.manual_seed(0)
    maps = torch.randn(3, 5, 6, 9)
    points = torch.rand(1, 200, 2) * 1.4 - 0.2  # some outside
    points[0, :4] = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5 / 9, 0.5 / 6]])
    for stored in (maps, maps.contiguous(memory_format=torch.channels_last)):
        read = sample_shared_points(stored, points[0])
        torch.testing.assert_close(
            read, reference(maps, points).transpose(1, 2).flatten(0, 1))


def test_no_maps_at_all():
    assert sample_points(torch.zeros(0, 2, 4, 4), torch.rand(1, 5, 2)).shape == (0, 2, 5)
    assert sample_shared_points(torch.zeros(2, 0, 4, 4), torch.rand(5, 2)).shape == (10, 0)
    none = draw_points(0, 8, 3.0, 0.75, torch.device('cpu'))
    assert uncertain_points(torch.zeros(0, 1, 4, 4), none).shape == (0, 8, 2)


@pytest.mark.parametrize('share', [0.0, 0.75, 1.0])
def test_the_least_certain_candidates_are_taken(share):
    torch.manual_seed(0)
    logits = torch.randn(3, 1, 6, 9)
    draws = draw_points(3, 40, 2.5, share, logits.device)
    points = uncertain_points(logits, draws)
    certainty = sample_points(logits, draws.candidates)[:, 0].abs()
    count = int(share * 40)
    chosen = certainty.topk(count, largest=False).indices
    wanted = draws.candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    assert torch.equal(points[:, count:], draws.anywhere)
    for mine, row in zip(points, wanted):
        assert sorted(mine[:count].tolist()) == sorted(row.tolist())
