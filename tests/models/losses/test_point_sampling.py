"""Reading masks at points: the fast form for shared points equals grid_sample, edges included."""
import torch
import torch.nn.functional as F

from mmtmt.models.losses.point_sampling import sample_points


def reference(maps, points):
    grid = (2 * points - 1)[:, :, None].expand(len(maps), -1, -1, -1)
    return F.grid_sample(maps, grid, mode='bilinear', align_corners=False)[..., 0]


def test_shared_points_equal_grid_sample():
    torch.manual_seed(0)
    maps = torch.randn(3, 5, 6, 9)
    points = torch.rand(1, 200, 2) * 1.4 - 0.2  # some outside
    points[0, :4] = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5 / 9, 0.5 / 6]])
    for stored in (maps, maps.contiguous(memory_format=torch.channels_last)):
        torch.testing.assert_close(sample_points(stored, points), reference(maps, points))


def test_shared_points_give_gradients():
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 4, 4, requires_grad=True)
    points = torch.rand(1, 7, 2)
    mine, = torch.autograd.grad(sample_points(maps, points).sum(), maps)
    theirs, = torch.autograd.grad(reference(maps, points).sum(), maps)
    torch.testing.assert_close(mine, theirs)


def test_no_maps_at_all():
    assert sample_points(torch.zeros(0, 2, 4, 4), torch.rand(1, 5, 2)).shape == (0, 2, 5)
