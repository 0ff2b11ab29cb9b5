"""Convolutions by Winograd's algorithm give what the usual ones give."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from mmtmt.utils.winograd import WinogradConv2d, use_winograd


@pytest.fixture
def on_avx2(monkeypatch):
    """What is turned, as on a CPU where it helps."""
    if not torch._nnpack_available():
        pytest.skip('this PyTorch has no NNPACK')
    monkeypatch.delenv('MMTMT_WINOGRAD', raising=False)
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX2')


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('batch', [1, 3])
def test_output_and_gradients_are_those_of_a_convolution(on_avx2, batch, bias):
    torch.manual_seed(0)
    usual = nn.Conv2d(16, 24, 3, padding=1, bias=bias)
    ours = copy.deepcopy(usual)
    assert use_winograd(ours) == 1 and type(ours) is WinogradConv2d
    grad = torch.randn(batch, 24, 23, 37)
    found = []
    for module in (usual, ours):
        x = torch.randn(batch, 16, 37, 23, generator=torch.Generator().manual_seed(1))
        x = x.transpose(2, 3).requires_grad_()  # as it comes from other layers: any strides
        output = module(x)
        output.backward(grad)
        found.append([output, x.grad, *(parameter.grad for parameter in module.parameters())])
    assert not torch.equal(found[0][0], found[1][0])  # it is another algorithm
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)


def test_what_a_frozen_part_does_not_need_has_no_gradient(on_avx2):
    module = nn.Conv2d(4, 4, 3, padding=1).requires_grad_(False)
    use_winograd(module)
    x = torch.randn(1, 4, 9, 9, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None and module.weight.grad is None
    module(x.detach()).sum()  # needs none at all


@pytest.mark.parametrize('options', [
    dict(kernel_size=1), dict(kernel_size=3, padding=1, stride=2),
    dict(kernel_size=3, padding=1, groups=2), dict(kernel_size=3, padding=2, dilation=2),
    dict(kernel_size=3), dict(kernel_size=3, padding=1, padding_mode='circular'),
])
def test_other_convolutions_stay(on_avx2, options):
    model = nn.Sequential(nn.Conv2d(4, 4, **options), nn.ReLU(), nn.Linear(3, 3))
    assert use_winograd(model) == 0 and type(model[0]) is nn.Conv2d


@pytest.mark.parametrize('x', [
    torch.ones(2, 4, 9, 9, dtype=torch.float64), torch.ones(2, 4, 2, 3), torch.ones(0, 4, 9, 9)])
def test_what_does_not_fit_takes_the_usual_way(on_avx2, x):
    usual = nn.Conv2d(4, 4, 3, padding=1).to(x.dtype)
    ours = copy.deepcopy(usual)
    use_winograd(ours)
    assert torch.equal(usual(x), ours(x))


def test_mixed_precision_takes_the_usual_way(on_avx2):
    module = nn.Conv2d(4, 4, 3, padding=1)
    use_winograd(module)
    with torch.autocast('cpu', torch.bfloat16):
        assert module(torch.ones(1, 4, 9, 9)).dtype == torch.bfloat16


def test_parameters_keep_their_names_and_copies_their_kind(on_avx2):
    model = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1))
    before = model.state_dict()
    use_winograd(model)
    assert model.state_dict().keys() == before.keys()
    assert type(copy.deepcopy(model)[0]) is WinogradConv2d


@pytest.mark.parametrize('capability, setting', [('AVX512', ''), ('AVX2', '0')])
def test_where_it_is_not_wanted(on_avx2, monkeypatch, capability, setting):
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: capability)
    monkeypatch.setenv('MMTMT_WINOGRAD', setting)
    assert use_winograd(nn.Conv2d(4, 4, 3, padding=1)) == 0


def test_a_copy_in_another_process_works(on_avx2, tmp_path):
    module = nn.Conv2d(4, 4, 3, padding=1)
    use_winograd(module)
    torch.save(module, tmp_path / 'module.pt')
    code = (
        'import sys, torch; module = torch.load(sys.argv[1], weights_only=False); '
        'print(type(module).__name__, tuple(module(torch.ones(2, 4, 8, 8)).shape))'
    )
    done = subprocess.run([sys.executable, '-c', code, str(tmp_path / 'module.pt')],
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith('WinogradConv2d (2, 4, 8, 8)')
