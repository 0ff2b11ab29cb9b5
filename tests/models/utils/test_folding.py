"""Norms folded into convolutions: nothing changes but the time."""
import pytest
import torch
from torch import nn

from mmtmt.models.utils import fold_norms
from mmtmt.registry import MODELS


def with_statistics(config):
    backbone = MODELS.build(config)
    generator = torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data.copy_(0.5 + torch.rand(values.shape, generator=generator))
    model = nn.Module()
    model.backbone = backbone
    return model.eval()


def norms(model):
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize('options', [dict(depth=18), dict(depth=50), dict(depth=50, stem_channels=8,
                                                                          deep_stem=True)])
@torch.no_grad()
def test_resnet_gives_the_same(options):
    model = with_statistics(dict(type='mmdet.ResNet', base_channels=8, **options))
    images = torch.randn(2, 3, 64, 96)
    before = model.backbone(images)
    assert norms(model)
    fold_norms(model)
    assert not norms(model)
    for one, other in zip(before, model.backbone(images)):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * one.abs().max().item())


@torch.no_grad()
def test_other_backbones_stay_as_they_are():
    model = with_statistics(dict(
        type='TimmFeatures', model_name='mobilenetv3_small_050'))
    before = model.backbone(torch.ones(1, 3, 64, 64))
    number = len(norms(model))
    fold_norms(model)
    assert len(norms(model)) == number > 0
    for one, other in zip(before, model.backbone(torch.ones(1, 3, 64, 64))):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_models_without_a_backbone_are_left_alone():
    fold_norms(nn.Linear(2, 2))
