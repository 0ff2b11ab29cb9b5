"""Checkpoints of the official IDOL; its forward pass is compared in the golden tests."""
import pytest
import torch

from mmtmt.models.converters import (
    convert_checkpoint,
    convert_idol,
    convert_to_idol,
    infer_idol,
    report_on,
)
from tests.models.toy_idol import build_idol


@pytest.fixture(scope='module')
def official():
    """A small state dict under the official names."""
    return convert_to_idol(build_idol(taxonomy_aware=False).state_dict()).state


def test_there_and_back(official):
    own = build_idol(taxonomy_aware=False).state_dict()
    back = convert_idol(official)
    assert not back.unexpected and set(back.state) == set(own)
    assert all(torch.equal(value, own[key]) for key, value in back.state.items())


def test_boxes_come_under_both_names(official):
    for name in ('detr.detr.bbox_embed.1.layers.2.bias',
                 'detr.detr.transformer.decoder.bbox_embed.1.layers.2.bias'):
        assert name in official
    assert 'detr.mask_head.dcn.weight' in official
    assert 'detr.detr.transformer.decoder.layers.0.norm2.bias' in official
    assert not any('num_batches_tracked' in name for name in official)


def test_norms_are_numbered_by_use(official):
    back = convert_idol(official)
    assert back.sources['decoder.layers.0.norms.0.weight'].endswith('decoder.layers.0.norm2.weight')
    assert back.sources['encoder.layers.0.norms.0.weight'].endswith('encoder.layers.0.norm1.weight')


def test_a_file_is_recognised_and_reported(official):
    conversion = convert_checkpoint(dict(model=official))
    report = report_on(conversion)
    assert report.complete and 'IDOL' in report.against
    broken = {name: value for name, value in official.items() if 'controller.layers.1' not in name}
    report = report_on(convert_checkpoint(dict(model=broken)))
    assert report.missing == ['mask_head.controller.2.weight', 'mask_head.controller.2.bias']
    aware = build_idol().state_dict()
    lacking = report_on(conversion, aware, 'TMT').missing
    assert lacking and all(name.startswith(
        ('decoder.compilation', 'decoder.injection', 'taxonomy_head')) for name in lacking)


def test_shapes_tell_the_architecture(official):
    state = convert_idol(official).state
    parts = infer_idol(state)
    assert parts['num_queries'] == 9 and parts['mask_channels'] == 8
    assert parts['decoder']['num_layers'] == 2 and parts['encoder']['num_layers'] == 1
    del state['level_embed']
    with pytest.raises(ValueError, match="lacks 'level_embed'"):
        infer_idol(state)


def test_taxonomy_modules_have_no_official_name():
    unexpected = convert_to_idol(build_idol().state_dict()).unexpected
    assert any(name.startswith('decoder.compilation') for name in unexpected)
