"""Linear layers over many tokens."""
from collections.abc import Iterator
from unittest import mock

import pytest
import torch
import torch.nn.functional as F

from mmtmt.models.layers import DeformableEncoder, TokenLinear
from mmtmt.models.layers import linear as linear_module
from mmtmt.models.layers.linear import MANY_TOKENS, TokenReLU, add_tokens


@pytest.fixture
def two_threads() -> Iterator[None]:
    """The convolution is taken with several threads only."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def layer() -> TokenLinear:
    torch.manual_seed(0)
    return TokenLinear(24, 40)


@pytest.mark.usefixtures('two_threads')
@pytest.mark.parametrize('num', [1, 3])
def test_both_forms_agree(layer: TokenLinear, num: int) -> None:
    """Prediction, which convolves, gives the values and the memory layout of the product."""
    tokens = torch.randn(num, MANY_TOKENS + 7, 24)
    expected = F.linear(tokens, layer.weight, layer.bias)
    with torch.no_grad(), mock.patch.object(
            linear_module.F, 'conv2d', side_effect=F.conv2d) as convolution:
        found = layer(tokens)
    assert convolution.call_count == 1
    assert found.is_contiguous()
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.usefixtures('two_threads')
@pytest.mark.parametrize('change', ['few', 'double', 'strided', 'gradients'])
def test_product_elsewhere(layer: TokenLinear, change: str) -> None:
    """Few tokens, other types and layouts, and training go through the product."""
    tokens = torch.randn(2, MANY_TOKENS, 24)
    if change == 'few':
        tokens = tokens[:, :5].contiguous()
    elif change == 'double':
        tokens, layer = tokens.double(), layer.double()
    elif change == 'strided':
        tokens = tokens.transpose(0, 1).contiguous().transpose(0, 1)
    with torch.set_grad_enabled(change == 'gradients'), mock.patch.object(
            linear_module.F, 'conv2d', side_effect=AssertionError):
        found = layer(tokens)
    torch.testing.assert_close(found, F.linear(tokens, layer.weight, layer.bias))
    assert found.requires_grad == (change == 'gradients')


def test_what_is_added_and_cut_is_in_place_in_prediction_alone() -> None:
    tokens = torch.randn(2, 5, 24)
    for change in (TokenReLU(), lambda x: add_tokens(x, tokens)):
        product = torch.randn(2, 5, 24)
        before = product.clone()
        expected = change(product)
        assert torch.equal(product, before)
        with torch.no_grad():
            found = change(product)
        assert found.data_ptr() == product.data_ptr()
        assert torch.equal(found, expected)


def test_the_encoder_changes_no_views_whose_gradients_would_be_copied() -> None:
    shapes = [(2, 3), (4, 6)]
    encoder = DeformableEncoder(2, embed_dims=16, num_heads=2, num_levels=2, feedforward_dims=32)
    tokens = torch.randn(2, 30, 16, requires_grad=True)
    waiting = [encoder(tokens, torch.randn(30, 16), shapes).grad_fn]
    steps = set()
    while waiting:
        step = waiting.pop()
        if step is not None and step not in steps:
            steps.add(step)
            waiting += [following for following, _ in step.next_functions]
    names = {step.name() for step in steps}
    assert 'ReluBackward0' in names and 'CopySlices' not in names
