"""Masks from generated convolutions."""
import torch
import torch.nn.functional as F

from mmtmt.models.heads.dynamic_mask_head import (
    DynamicMaskHead,
    aligned_bilinear,
    dynamic_layers,
    pixel_locations,
)


def test_equals_convolving_relative_positions_and_features():
    torch.manual_seed(0)
    head = DynamicMaskHead(embed_dims=16)
    features, queries = torch.randn(8, 5, 7), torch.randn(3, 16)
    references = torch.rand(3, 2) * 50
    found = head(features, queries, references)
    layers = dynamic_layers(head.controller(queries), head.channels)
    locations = pixel_locations(5, 7, 8, 'cpu').t().unflatten(1, (5, 7))
    for index, mask in enumerate(found):
        x = torch.cat((references[index][:, None, None] - locations, features))[None]
        for depth, layer in enumerate(layers):
            x = F.conv2d(F.relu(x) if depth else x, layer.weight[index][..., None, None],
                         layer.bias[index, :, 0])
        torch.testing.assert_close(mask, aligned_bilinear(x, 2)[0, 0], rtol=1e-4, atol=1e-4)


def test_no_instance_keeps_the_gradients():
    head = DynamicMaskHead(embed_dims=16)
    features = torch.randn(8, 5, 7, requires_grad=True)
    masks = head(features, torch.zeros(0, 16), torch.zeros(0, 2))
    assert masks.shape == (0, 10, 14)
    masks.sum().backward()
    for leaf in (features, *head.parameters()):
        assert not leaf.grad.any()


def test_pixels_keep_their_places():
    maps = torch.arange(12.0).reshape(1, 1, 3, 4)
    for factor in (2, 4):
        found = aligned_bilinear(maps, factor)
        assert found.shape[-2:] == (3 * factor, 4 * factor)
        first = factor // 2
        assert torch.equal(found[..., first::factor, first::factor], maps)
