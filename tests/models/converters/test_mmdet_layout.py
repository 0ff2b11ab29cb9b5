import copy

import pytest
import torch
from mmengine.hub import get_config
from mmengine.registry import DefaultScope

from mmtmt.models.converters import (
    convert_checkpoint,
    convert_mmdet,
    convert_to_mmdet,
    infer_architecture,
)
from mmtmt.models.outputs import mask_logits
from mmtmt.registry import MODELS

CONFIG = 'mmdet::mask2former_vis/mask2former_r50_8xb2-8e_youtubevis2021.py'


def small_mmdet_model():
    """mmdet's Mask2FormerVideo, every part of it narrower."""
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    from mmdet.registry import MODELS as MMDET_MODELS

    head = copy.deepcopy(get_config(CONFIG).model.track_head)
    layer = head.pixel_decoder.encoder.layer_cfg
    layer.self_attn_cfg.embed_dims = layer.ffn_cfg.embed_dims = 64
    layer.ffn_cfg.feedforward_channels = 48
    head.pixel_decoder.encoder.num_layers = 2
    head.pixel_decoder.positional_encoding.num_feats = 32
    head.positional_encoding.num_feats = 32
    decoder = head.transformer_decoder
    for part in ('self_attn_cfg', 'cross_attn_cfg', 'ffn_cfg'):
        decoder.layer_cfg[part].embed_dims = 64
    decoder.layer_cfg.ffn_cfg.feedforward_channels = 80
    decoder.num_layers = 4
    head.update(
        in_channels=[8, 16, 24, 32],
        feat_channels=64,
        out_channels=64,
        num_queries=11,
        num_classes=7,
        strides=[4, 8, 16, 32],
    )
    head.loss_cls.class_weight = [1.0] * 7 + [0.1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # whatever scope another test left behind
        with DefaultScope.overwrite_default_scope('mmdet'):
            model = MMDET_MODELS.build(head)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 0, 0.2)
    return model.eval()


@pytest.fixture(scope='module')
def mmdet_head():
    return small_mmdet_model()


@pytest.fixture(scope='module')
def mmdet_state(mmdet_head):
    return {f'track_head.{key}': value for key, value in mmdet_head.state_dict().items()}


def test_same_predictions(mmdet_head, mmdet_state):
    result = convert_checkpoint({'state_dict': mmdet_state})
    assert not result.unexpected
    modules = {}
    for name, config in infer_architecture(result.state).items():
        modules[name] = MODELS.build(config).eval()
        modules[name].load_state_dict(
            {
                key.removeprefix(f'{name}.'): value
                for key, value in result.state.items()
                if key.startswith(f'{name}.')
            }
        )
    features = [
        torch.randn(3, channels, 64 // stride, 96 // stride)
        for channels, stride in zip((8, 16, 24, 32), (4, 8, 16, 32))
    ]
    with torch.no_grad():
        theirs = mmdet_head(features, None)
        mask_features, levels, _ = modules['pixel_decoder'](features)
        ours = modules['decoder']([level[None] for level in levels], mask_features[None])
    assert len(ours.predictions) == len(theirs[0]) == 5
    for prediction, logits, masks in zip(ours.predictions, *theirs):
        torch.testing.assert_close(prediction.class_logits, logits, atol=1e-4, rtol=1e-4)
        own_masks = mask_logits(prediction.mask_embeds, ours.mask_features).transpose(1, 2)
        torch.testing.assert_close(own_masks, masks, rtol=1e-4, atol=1e-4 * masks.abs().max())


def test_there_and_back(mmdet_state):
    back = convert_to_mmdet(convert_mmdet(mmdet_state).state).state
    assert back.keys() == mmdet_state.keys()
    assert all(torch.equal(back[key], mmdet_state[key]) for key in back)


def test_image_models_and_older_names(mmdet_state):
    def older(key):
        key = key.replace('track_head.', 'panoptic_head.').replace('.ffn.', '.ffns.0.')
        if '.encoder.' in key:
            return key.replace('.self_attn.', '.attentions.0.')
        return key.replace('.cross_attn.', '.attentions.0.').replace(
            '.self_attn.', '.attentions.1.'
        )

    expected = convert_mmdet(mmdet_state).state
    state = convert_mmdet({older(key): value for key, value in mmdet_state.items()}).state
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in expected)


def test_other_models_of_mmdet_are_refused():
    with pytest.raises(ValueError, match='bbox_head.weight'):
        convert_mmdet({'bbox_head.weight': torch.zeros(1)})
