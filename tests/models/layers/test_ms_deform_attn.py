"""Multi-scale deformable attention: official numbers, grid_sample, gradients, edges, precision."""

import math
import sys
from pathlib import Path

import pytest
import torch

from mmtmt.models.layers import MSDeformAttn, ms_deform_attn, sparse_sampling
from mmtmt.models.layers.ms_deform_attn import deformable_attention, grid_sample_attention
from mmtmt.testing import Fixture

GOLDEN = Path(__file__).parents[2] / 'golden'
SHAPES = [(2, 3), (4, 6), (1, 9)]
NUM, QUERIES, HEADS, POINTS, DIM = 2, 5, 4, 2, 3


def problem(dtype=torch.float32, shapes=SHAPES, spread=0.7, seed=0):
    """Values, locations (some far outside) and weights."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    value = normal(NUM, sum(h * w for h, w in shapes), HEADS, DIM)
    locations = 0.5 + spread * normal(NUM, QUERIES, HEADS, len(shapes), POINTS, 2)
    weights = normal(NUM, QUERIES, HEADS, len(shapes), POINTS)
    return [x.to(dtype) for x in (value, locations, weights)]


def layer(**kwargs):
    """A small layer whose weights are all random."""
    torch.manual_seed(1)
    module = MSDeformAttn(embed_dims=16, num_heads=4, num_levels=3, num_points=2, **kwargs)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def layer_inputs():
    generator = torch.Generator().manual_seed(2)
    size = sum(h * w for h, w in SHAPES)
    return (
        torch.randn(NUM, 7, 16, generator=generator),
        torch.rand(NUM, 7, 3, 2, generator=generator),
        torch.randn(NUM, size, 16, generator=generator),
    )


@pytest.mark.parametrize('grad', [True, False])
@pytest.mark.parametrize(
    'output, reference, padding',
    [('attn_out_ref2', 'attn_ref2', None), ('attn_out_ref4_padded', 'attn_ref4', 'attn_padding')],
)
def test_equals_the_official_layer(output, reference, padding, grad):
    fixture = Fixture.load(GOLDEN / 'building_blocks_a')
    config = fixture.config['attn']
    module = MSDeformAttn(
        embed_dims=config['dim'],
        num_heads=config['heads'],
        num_levels=len(config['levels']),
        num_points=config['points'],
    )
    module.load_state_dict(
        {
            key.removeprefix('attn.'): torch.from_numpy(value)
            for key, value in fixture.weights('attn.').items()
        }
    )
    mask = None if padding is None else fixture.input(padding).bool()
    with torch.set_grad_enabled(grad):
        result = module(
            fixture.input('input_attn_query'),
            fixture.input(reference),
            fixture.input('input_attn_value'),
            [tuple(s) for s in config['levels']],
            mask,
        )
    difference = fixture.compare(output, result, absolute=1e-5, relative=1e-5)
    assert difference.ok, difference


@pytest.mark.parametrize('shapes', [SHAPES, [(1, 1)], [(5, 7), (3, 2)]])
def test_equals_grid_sample_with_gradients(shapes):
    inputs = [x.requires_grad_() for x in problem(shapes=shapes)]
    expected = grid_sample_attention(inputs[0], shapes, *inputs[1:])
    result = deformable_attention(inputs[0], shapes, *inputs[1:])
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    direction = torch.linspace(-1, 1, expected.numel()).view_as(expected)
    for ours, theirs in zip(
        torch.autograd.grad(result, inputs, direction),
        torch.autograd.grad(expected, inputs, direction),
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_points_on_pixels_borders_and_far_outside_equal_grid_sample():
    # a level of 4 x 4: all arithmetic is exact, also in grid_sample
    position = torch.tensor(
        [-1e9, -3.0, -2.0, -1.0, -0.5, 0.0, 1.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 1e9]
    )
    grid = torch.cartesian_prod(position, position)
    locations = ((grid + 0.5) / 4).view(1, -1, 1, 1, 1, 2)
    value = torch.arange(1.0, 33.0).view(1, 16, 1, 2)
    weights = torch.linspace(0.5, 1.5, len(grid)).view(1, -1, 1, 1, 1)
    inputs = [x.clone().requires_grad_() for x in (value, locations, weights)]
    ours = torch.autograd.grad(deformable_attention(inputs[0], [(4, 4)], *inputs[1:]).sum(), inputs)
    theirs = torch.autograd.grad(
        grid_sample_attention(inputs[0], [(4, 4)], *inputs[1:]).sum(), inputs
    )
    for mine, reference in zip(ours, theirs):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-4)


def test_gradcheck():
    inputs = [x.requires_grad_() for x in problem(torch.float64, spread=0.4)]
    assert torch.autograd.gradcheck(lambda v, x, w: deformable_attention(v, SHAPES, x, w), inputs)


def test_gradients_of_a_subset():
    value, locations, weights = problem()
    value.requires_grad_()
    (grad,) = torch.autograd.grad(
        deformable_attention(value, SHAPES, locations, weights).sum(), value
    )
    (expected,) = torch.autograd.grad(
        grid_sample_attention(value, SHAPES, locations, weights).sum(), value
    )
    torch.testing.assert_close(grad, expected, rtol=1e-5, atol=1e-5)


def test_chunks_change_nothing(monkeypatch):
    value, locations, weights = problem()
    whole = deformable_attention(value, SHAPES, locations, weights)
    monkeypatch.setattr(sparse_sampling, 'CHUNK', 2 * HEADS * len(SHAPES) * POINTS)
    assert torch.equal(deformable_attention(value, SHAPES, locations, weights), whole)


def test_batch_equals_single():
    query, reference, value = layer_inputs()
    module = layer()
    batched = module(query, reference, value, SHAPES)
    for n in range(NUM):
        single = module(query[n : n + 1], reference[n : n + 1], value[n : n + 1], SHAPES)
        torch.testing.assert_close(batched[n : n + 1], single)


@pytest.mark.parametrize('empty', ['batch', 'queries'])
def test_nothing_to_do(empty):
    value, locations, weights = problem()
    if empty == 'batch':
        value, locations, weights = value[:0], locations[:0], weights[:0]
    else:
        locations, weights = locations[:, :0], weights[:, :0]
    inputs = [x.requires_grad_() for x in (value, locations, weights)]
    result = deformable_attention(inputs[0], SHAPES, *inputs[1:])
    assert result.shape == (len(value), locations.shape[1], HEADS * DIM)
    result.sum().backward()
    assert all(x.grad.shape == x.shape and not x.grad.any() for x in inputs)


def test_nan_comes_out_as_nan():
    value, locations, weights = problem()
    locations[0, 1] = math.nan
    result = deformable_attention(value, SHAPES, locations, weights)
    assert (
        result[0, 1].isnan().all() and result[1].isfinite().all() and result[0, 0].isfinite().all()
    )


def test_layer_on_devices_without_the_sparse_form(monkeypatch):
    inputs = layer_inputs()
    module = layer()
    boxes = torch.cat([inputs[1], inputs[1].flip(-1) * 0.3], dim=-1)
    for reference in (inputs[1], boxes):
        expected = module(inputs[0], reference, inputs[2], SHAPES)
        with monkeypatch.context() as patch:
            patch.setattr(ms_deform_attn, '_sample_pixels', module._sample_elsewhere)
            result = module(inputs[0], reference, inputs[2], SHAPES)
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    query, reference, value = (x.to(dtype) for x in layer_inputs())
    module = layer()
    expected = module(query.float(), reference.float(), value.float(), SHAPES)
    with torch.autocast('cpu', dtype):
        result = module(query, reference, value, SHAPES)
    assert torch.equal(result, expected)
    inputs = [x.to(dtype) for x in problem()]
    result = deformable_attention(inputs[0], SHAPES, *inputs[1:])
    assert result.dtype == dtype
    expected = deformable_attention(inputs[0].float(), SHAPES, *(x.float() for x in inputs[1:]))
    assert torch.equal(result, expected.to(dtype))


def test_padding_reads_zero():
    query, reference, value = layer_inputs()
    module = layer()
    mask = torch.zeros(value.shape[:2], dtype=torch.bool)
    mask[:, 3:9] = True
    masked = module(query, reference, value, SHAPES, mask)
    changed = module(query, reference, value.masked_fill(mask[..., None], 7.0), SHAPES, mask)
    assert torch.equal(masked, changed)
    assert not torch.allclose(masked, module(query, reference, value, SHAPES))


def test_official_start():
    module = MSDeformAttn(embed_dims=32, num_heads=8, num_levels=3, num_points=4)
    bias = module.sampling_offsets.bias.view(8, 3, 4, 2)
    assert not module.sampling_offsets.weight.any() and not module.attention_weights.weight.any()
    for head, direction in enumerate(
        [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]
    ):
        expected = torch.arange(1.0, 5.0)[:, None] * torch.tensor(direction)
        torch.testing.assert_close(bias[head], expected.expand(3, 4, 2), rtol=0, atol=1e-5)


def test_shapes_that_do_not_fit_are_named():
    query, reference, value = layer_inputs()
    with pytest.raises(ValueError, match='multiple of num_heads, got 10 and 4'):
        MSDeformAttn(embed_dims=10, num_heads=4)
    with pytest.raises(ValueError, match='expected 3 levels'):
        layer()(query, reference, value, SHAPES[:2])
    with pytest.raises(ValueError, match='hold 39 positions, value has 38'):
        layer()(query, reference, value[:, 1:], SHAPES)
    with pytest.raises(ValueError, match='end in 2 or 4'):
        layer()(query, reference[..., :1], value, SHAPES)


def test_without_compiled_operators_none_is_used():
    if getattr(sys.modules.get('mmcv._ext'), '__file__', None):
        pytest.skip('mmcv has compiled operators')
    assert ms_deform_attn._compiled_function() is None
