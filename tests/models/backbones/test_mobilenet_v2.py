import os
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from mmtmt.engine import trusted_checkpoints
from mmtmt.models.backbones import MobileNetV2
from mmtmt.models.backbones.mobilenet_v2 import PaddedConv2d

SHARED = Path(os.environ.get('MMTMT_SHARED', Path(__file__).parents[4] / 'shared'))
IMAGENET = SHARED / 'weights' / 'mobilenet_v2_imagenet_folded_fp16.npz'


def with_random_norms(model):
    """Batch norms that do something, so that a forgotten one is noticed."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


@pytest.fixture(scope='module')
def reference():
    torch.manual_seed(0)
    return with_random_norms(torchvision.models.mobilenet_v2())


def folded_state(model):
    """The reference's weights with every norm folded into its convolution, without the norms."""
    state = {}
    for prefix, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            name, conv = prefix, module
        elif isinstance(module, nn.BatchNorm2d):
            scale = module.weight / (module.running_var + module.eps).sqrt()
            state[f'{name}.weight'] = (conv.weight * scale[:, None, None, None]).detach()
            state[f'{name}.bias'] = (module.bias - module.running_mean * scale).detach()
    return state


def test_equals_torchvision_with_norms(reference, tmp_path):
    torch.save(reference.state_dict(), tmp_path / 'weights.pth')
    model = MobileNetV2(
        weights=str(tmp_path / 'weights.pth'),
        norm_cfg=dict(type='BN'),
        same_padding=False,
        expand_last=True,
    )
    model.init_weights()
    model.eval()
    image = torch.randn(2, 3, 64, 96)
    maps = model(image)
    for index, value in zip((3, 6, 13, 18), maps):
        torch.testing.assert_close(value, reference.features[: index + 1](image))


def test_folded_weights_equal_norms(reference, tmp_path):
    arrays = {key: value.numpy() for key, value in folded_state(reference).items()}
    np.savez(tmp_path / 'weights.npz', **arrays)
    model = MobileNetV2(weights=str(tmp_path / 'weights.npz'), same_padding=False)
    model.init_weights()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(
        model.eval()(image)[-1], reference.features[:18](image), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize('size', [(64, 64), (65, 67), (33, 98)])
def test_shapes_and_channels(size):
    model = MobileNetV2()
    maps = model(torch.zeros(1, 3, *size))
    assert model.out_channels == [24, 32, 96, 320] == [value.shape[1] for value in maps]
    for stride, value in zip((4, 8, 16, 32), maps):
        assert value.shape[-2:] == tuple(-(-length // stride) for length in size)


def test_same_padding_puts_the_odd_pixel_at_the_end():
    conv = PaddedConv2d(1, 1, 3, stride=2, bias=False)
    nn.init.ones_(conv.weight)
    image = torch.arange(1.0, 5.0)[None, None, None].expand(1, 1, 4, 4)
    # rows of windows 0..2 and 2..3 with one pixel of padding after the last
    torch.testing.assert_close(conv(image)[0, 0, 0], torch.tensor([18.0, 21.0]))


def test_widen_factor_and_fewer_strides():
    model = MobileNetV2(widen_factor=0.25, strides=(8, 16), norm_cfg=dict(type='BN'))
    maps = model(torch.zeros(2, 3, 32, 32))
    assert [tuple(value.shape) for value in maps] == [(2, 8, 4, 4), (2, 24, 2, 2)]
    sum(value.sum() for value in maps).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize('frozen, first_trained', [(-1, 0), (0, 2), (1, 4), (4, 18)])
def test_frozen_stages(frozen, first_trained):
    model = MobileNetV2(norm_cfg=dict(type='BN'), frozen_stages=frozen)
    model.train()
    for index, layer in enumerate(model.features):
        trained = index >= first_trained
        assert all(parameter.requires_grad == trained for parameter in layer.parameters())
        assert all(
            module.training == trained
            for module in layer.modules()
            if isinstance(module, nn.BatchNorm2d)
        )


def test_norm_eval_keeps_statistics():
    model = MobileNetV2(norm_cfg=dict(type='BN'), norm_eval=True, widen_factor=0.25).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model(torch.randn(2, 3, 32, 32))
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_missing_file_says_what_to_do(tmp_path):
    model = MobileNetV2(weights=str(tmp_path / 'nothing.npz'))
    with pytest.raises(FileNotFoundError, match=r'nothing\.npz.*`weights`'):
        model.init_weights()


def test_weights_of_another_kind(reference, tmp_path):
    torch.save(reference.state_dict(), tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match=r'missing.*norm_cfg=None'):
        MobileNetV2(weights=str(tmp_path / 'weights.pth')).init_weights()
    np.savez(tmp_path / 'other.npz', **{'features.0.0.weight': np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match='another shape'):
        MobileNetV2(weights=str(tmp_path / 'other.npz')).init_weights()
    (tmp_path / 'broken.npz').write_bytes(b'PK\x03\x04 not a zip')
    with pytest.raises(ValueError, match='cannot read weights'):
        MobileNetV2(weights=str(tmp_path / 'broken.npz')).init_weights()


@pytest.mark.parametrize(
    'wrong',
    [
        dict(strides=(8, 4)),
        dict(strides=(4, 64)),
        dict(strides=()),
        dict(frozen_stages=5),
        dict(weights='a', init_cfg=dict()),
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError):
        MobileNetV2(**wrong)


@pytest.mark.realdata
@pytest.mark.skipif(not IMAGENET.is_file(), reason=f'{IMAGENET} is not there')
def test_imagenet_weights_know_a_black_swan():
    from PIL import Image

    model = MobileNetV2(weights=str(IMAGENET), expand_last=True)
    model.init_weights()
    folder = SHARED / 'realdata' / 'ovis' / 'JPEGImages' / 'blackswan'
    image = Image.open(sorted(folder.iterdir())[0]).convert('RGB').resize((320, 224))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with np.load(IMAGENET) as arrays, torch.no_grad():
        weight = torch.from_numpy(arrays['classifier.1.weight'].astype(np.float32))
        bias = torch.from_numpy(arrays['classifier.1.bias'])
        scores = (model.eval()(pixels)[-1].mean((2, 3)) @ weight.T + bias).softmax(-1)
    # class 100 of ImageNet; class 0 is TensorFlow's background
    assert scores[0].argmax() == 101 and scores[0, 101] > 0.5


def test_weights_with_code_have_to_be_trusted(tmp_path):
    state = MobileNetV2(norm_cfg=dict(type='BN')).state_dict()
    path = tmp_path / 'with_code.pth'
    torch.save({'args': Namespace(a=1), 'state_dict': state}, path)
    model = MobileNetV2(weights=str(path), norm_cfg=dict(type='BN'))
    with pytest.raises(ValueError, match=r'with_code.pth.*--trust-checkpoint'):
        model.init_weights()
    with trusted_checkpoints():
        model.init_weights()
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
