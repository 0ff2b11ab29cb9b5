import pytest
import torch

from mmtmt.models.converters import (
    KeyTable,
    Rename,
    convert_checkpoint,
    convert_official,
    convert_to_official,
    infer_architecture,
    infer_backbone,
    report_on,
)
from mmtmt.models.converters.official import relative_position_index, swin_table
from mmtmt.registry import MODELS


def test_whole_model_loads_strictly(official_state):
    result = convert_official(official_state)
    assert result.unexpected == []
    assert result.dropped == ['criterion.empty_weight']
    report = report_on(result)
    assert report.complete, str(report)


def test_no_value_is_lost(official_state):
    result = convert_official(official_state)
    taken = {source: result.state[target] for target, source in result.sources.items()}
    assert taken.keys() == official_state.keys() - {'criterion.empty_weight'}
    assert all(torch.equal(taken[key], official_state[key]) for key in taken)


@pytest.mark.parametrize('name', ['official_state', 'official_swin'])
def test_there_and_back(request, name):
    state = dict(request.getfixturevalue(name))
    back = convert_to_official(convert_official(state).state)
    state.pop('criterion.empty_weight', None)
    state = {key: value for key, value in state.items() if not key.endswith('_index')}
    assert not back.unexpected and back.state.keys() == state.keys()
    assert all(torch.equal(back.state[key], state[key]) for key in state)


def test_taxonomy_modules_have_no_official_name():
    assert convert_to_official({'decoder.compilation.score.weight': torch.zeros(1)}).unexpected


def as_image_model(key):
    return key.replace('query_feat', 'static_query')


def as_very_old(key):
    return key.replace('sem_seg_head.pixel_decoder.', 'sem_seg_head.')


def as_wrapped(key):
    return f'module.{key}'


@pytest.mark.parametrize('variant', [as_image_model, as_very_old, as_wrapped])
def test_historic_layouts(official_state, variant):
    expected = convert_official(official_state).state
    renamed = {variant(key): value for key, value in official_state.items()}
    assert renamed.keys() != official_state.keys()
    state = convert_checkpoint({'model': renamed}).state
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in expected)


def test_both_names_of_the_queries(official_state):
    key = 'sem_seg_head.predictor.query_feat.weight'
    doubled = {**official_state, as_image_model(key): official_state[key]}
    with pytest.raises(ValueError, match='two keys.*query_feat'):
        convert_official(doubled)


def test_projected_levels():
    name = 'sem_seg_head.predictor.input_proj.2.weight'
    assert list(convert_official({name: torch.zeros(8, 4, 1, 1)}).state) == [
        'decoder.input_projs.2.weight'
    ]


def test_backbone_file_keeps_its_form(official_state, official_swin):
    for state in (official_state, official_swin):
        alone = {
            key.removeprefix('backbone.'): value
            for key, value in state.items()
            if key.startswith('backbone.')
        }
        alone['norm.weight' if state is official_swin else 'stem.fc.weight'] = torch.zeros(3)
        result = convert_checkpoint({'model': alone, 'matching_heuristics': True})
        assert len(result.dropped) == 1 and not result.unexpected
        module = MODELS.build(infer_backbone(result.state))
        module.load_state_dict(result.state)
        assert report_on(result).complete


def test_swin_reorders_the_merged_neighbours(official_swin):
    result = convert_official(official_swin)
    assert sorted(result.transformed) == sorted(
        f'backbone.stages.{i}.downsample.{name}'
        for i in range(3)
        for name in ('norm.bias', 'norm.weight', 'reduction.weight')
    )
    back = (
        swin_table()
        .reversed()
        .convert({key: value for key, value in result.state.items() if not key.endswith('_index')})
        .state
    )
    assert all(torch.equal(back[key], value) for key, value in official_swin.items())


@pytest.mark.parametrize('window', [2, 4, 7, 12])
def test_index_table_is_the_modules_own(window):
    swin = MODELS.build(
        dict(
            type='mmdet.SwinTransformer',
            embed_dims=8,
            depths=(1,),
            num_heads=(1,),
            strides=(4,),
            out_indices=(0,),
            window_size=window,
        )
    )
    own = swin.state_dict()['stages.0.blocks.0.attn.w_msa.relative_position_index']
    assert torch.equal(relative_position_index(window), own)


@pytest.mark.parametrize('depth', [18, 34, 50, 101])
def test_resnet_depths(depth):
    resnet = MODELS.build(dict(type='mmdet.ResNet', depth=depth))
    config = infer_backbone(resnet.state_dict())
    assert config['depth'] == depth
    rebuilt = MODELS.build(config)
    rebuilt.train()
    norms = [module for module in rebuilt.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert not any(norm.weight.requires_grad or norm.training for norm in norms)


def test_report_names_what_is_missing_and_reshaped(official_state):
    broken = dict(official_state)
    del broken['sem_seg_head.predictor.transformer_ffn_layers.3.linear2.bias']
    broken['sem_seg_head.predictor.class_embed.bias'] = torch.zeros(81)
    broken['somebody.else'] = torch.zeros(1)
    report = report_on(convert_official(broken))
    assert report.missing == ['decoder.layers.3.ffn.2.bias']
    assert report.reshaped == [('decoder.head.cls_embed.bias', (81,), (41,))]
    assert report.unexpected == ['somebody.else']
    text = str(report)
    assert 'missing: 1' in text and 'decoder.layers.3.ffn.2.bias' in text
    assert '[81] in the checkpoint, [41] in the model' in text


def test_checkpoint_without_what_tells_a_size(official_state):
    broken = {key: value for key, value in official_state.items() if 'mask_features' not in key}
    with pytest.raises(ValueError, match="pixel_decoder of the checkpoint lacks 'mask_feature"):
        infer_architecture(convert_official(broken).state)


def test_further_projects_add_their_rows():
    table = KeyTable([Rename('their_module.{rest}', 'our_module.{rest}')])
    state = {
        'their_module.queries.weight': torch.zeros(2),
        'backbone.stem.conv1.weight': torch.zeros(1),
    }
    assert list(convert_official(state, table).state) == [
        'our_module.queries.weight',
        'backbone.conv1.weight',
    ]
    assert convert_official(state).unexpected == ['their_module.queries.weight']


@pytest.mark.parametrize('kind', ['VITADecoder', 'GenVISDecoder'])
def test_clip_modules_both_ways(kind):
    decoder = MODELS.build(
        dict(
            type=kind,
            num_classes=3,
            num_frame_queries=4,
            num_queries=5,
            embed_dims=16,
            num_heads=2,
            feedforward_dims=24,
        )
    )
    ours = {f'clip_decoder.{key}': value for key, value in decoder.state_dict().items()}
    back = convert_to_official(ours)
    assert not back.unexpected and all(key.startswith('vita_module.') for key in back.state)
    theirs = {**back.state, 'vita_criterion.empty_weight': torch.ones(4)}
    result = convert_official(theirs)
    assert not result.unexpected and result.dropped == ['vita_criterion.empty_weight']
    assert result.state.keys() == ours.keys()
    assert all(torch.equal(result.state[key], value) for key, value in ours.items())
    config = infer_architecture(result.state, num_heads=2)['clip_decoder']
    MODELS.build(config).load_state_dict(decoder.state_dict())


def test_names_of_the_released_tmt_vis():
    result = convert_official(
        {
            'tmt_module.tmt_mask_features.weight': torch.zeros(1),
            'tmt_module.enc_ffn.2.linear2.bias': torch.zeros(1),
            'sem_seg_head.predictor.text_embed.layers.0.weight': torch.zeros(1),
            'sem_seg_head.predictor.multi_attn_1.in_proj_bias': torch.zeros(1),
        }
    )
    assert list(result.state) == [
        'clip_decoder.mask_feature.weight',
        'clip_decoder.encoder.layers.2.ffn.2.bias',
    ]
    assert len(result.dropped) == 2 and not result.unexpected


def test_foreign_checkpoints_are_refused():
    with pytest.raises(ValueError, match='none of the 1 keys'):
        convert_checkpoint({'state_dict': {'fc.weight': torch.zeros(1)}})
    with pytest.raises(ValueError, match='names already'):
        convert_checkpoint({'decoder.query_feat.weight': torch.zeros(1)})
