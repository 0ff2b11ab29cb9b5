"""The backbones as the base configs set them up."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmtmt.registry import MODELS

BASES = sorted((Path(__file__).parents[3] / 'configs' / '_base_' / 'models').glob('*.py'))


def base_configs(kind):
    found = [path for path in BASES if Config.fromfile(path).model.backbone.type == kind]
    return pytest.mark.parametrize('path', found, ids=lambda path: path.stem)


def maps_read(model):
    """Channels of the maps that the model reads, the coarsest last: IDOL leaves stride 4 out."""
    reader = model.get('pixel_decoder') or model.neck
    return list(reader.in_channels)


@base_configs('mmdet.ResNet')
def test_resnets_freeze_batch_norms_and_frozen_stages(path):
    config = Config.fromfile(path).model.backbone
    backbone = MODELS.build(config)
    backbone.train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    frozen = {parameter for norm in norms for parameter in norm.parameters()}
    assert norms and not any(norm.training for norm in norms)
    stages = [('conv1.', 'layer1.'), ()][config.frozen_stages < 0]
    for name, parameter in backbone.named_parameters():
        trained = parameter not in frozen and not name.startswith(stages)
        assert parameter.requires_grad == trained, name


@base_configs('mmdet.ResNet')
def test_resnet_channels(path):
    model = Config.fromfile(path).model
    backbone = MODELS.build(model.backbone)
    backbone.eval()
    maps = backbone(torch.zeros(1, 3, 64, 64))
    channels = maps_read(model)
    assert [value.shape[1] for value in maps] == channels
    assert [value.shape[2] for value in maps] == [16, 8, 4, 2][-len(channels):]


@base_configs('mmdet.SwinTransformer')
def test_swins_take_converted_weights(path):
    model = Config.fromfile(path).model
    backbone = model.backbone
    # the converter writes mmdet's own names, which must not be converted again
    assert not backbone.get('convert_weights', False)
    indices = tuple(backbone.get('out_indices', (0, 1, 2, 3)))
    assert maps_read(model) == [backbone.embed_dims * 2**i for i in indices]
    assert backbone.get('patch_norm', True) and backbone.get('qkv_bias', True)
    assert indices in ((0, 1, 2, 3), (1, 2, 3))


@base_configs('MobileNetV2')
def test_mobilenet_sees_what_it_was_trained_on(path):
    model = Config.fromfile(path).model
    backbone = MODELS.build(model.backbone)
    assert backbone.out_channels == list(model.pixel_decoder.in_channels)
    if model.backbone.get('norm_cfg') is None:
        # folded weights come from TensorFlow: x / 127.5 - 1
        assert (
            list(model.data_preprocessor.mean) == list(model.data_preprocessor.std) == [127.5] * 3
        )
