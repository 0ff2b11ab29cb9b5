import copy

import pytest
import torch
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement

from mmtmt.models.converters import (
    convert_checkpoint,
    convert_mmdet,
    convert_to_mmdet,
    infer_architecture,
)
from mmtmt.models.outputs import mask_logits
from mmtmt.registry import MODELS

CONFIGS = dict(
    track_head='mmdet::mask2former_vis/mask2former_r50_8xb2-8e_youtubevis2021.py',
    panoptic_head='mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py',
)


def small_mmdet_model(name):
    """The head of mmdet's Mask2Former, of videos or of images, every part of it narrower."""
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    from mmdet.registry import MODELS as MMDET_MODELS

    head = copy.deepcopy(get_config(CONFIGS[name]).model[name])
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
        strides=[4, 8, 16, 32],
    )
    if name == 'track_head':
        head.num_classes = 7
    else:
        head.update(num_things_classes=7, num_stuff_classes=0)
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
def mmdet_state():
    state = small_mmdet_model('track_head').state_dict()
    return {f'track_head.{key}': value for key, value in state.items()}


@pytest.mark.parametrize('name', CONFIGS)
def test_same_predictions(name):
    head = small_mmdet_model(name)
    state = {f'{name}.{key}': value for key, value in head.state_dict().items()}
    result = convert_checkpoint({'state_dict': state})
    assert not result.unexpected
    configs = infer_architecture(result.state)
    if name == 'panoptic_head':
        configs['decoder']['type'] = 'FrameMaskDecoder'
    modules = {}
    for part, config in configs.items():
        modules[part] = MODELS.build(config).eval()
        modules[part].load_state_dict(
            {
                key.removeprefix(f'{part}.'): value
                for key, value in result.state.items()
                if key.startswith(f'{part}.')
            }
        )
    features = [
        torch.randn(3, channels, 64 // stride, 96 // stride)
        for channels, stride in zip((8, 16, 24, 32), (4, 8, 16, 32))
    ]
    samples = [BaseDataElement(metainfo={})] * 3  # the image head counts its images by them
    with torch.no_grad():
        theirs = head(features, samples if name == 'panoptic_head' else None)
        mask_features, levels, _ = modules['pixel_decoder'](features)
        ours = modules['decoder']([level[None] for level in levels], mask_features[None])
    assert len(ours.predictions) == len(theirs[0]) == 5
    for prediction, logits, masks in zip(ours.predictions, *theirs):
        torch.testing.assert_close(prediction.class_logits, logits, atol=1e-4, rtol=1e-4)
        own_masks = mask_logits(prediction.mask_embeds, ours.mask_features).transpose(1, 2)
        own_masks = own_masks.reshape(masks.shape)
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
