import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmtmt.models.converters import convert_checkpoint
from mmtmt.testing import Fixture

ROOT = Path(__file__).parents[2]
MODEL = """
model = dict(
    type='Mask2FormerVIS', taxonomy=dict(vocabularies=['ovis']),
    backbone=dict(type='mmdet.ResNet', depth=50, norm_cfg=dict(type='BN', requires_grad=False),
                  norm_eval=True),
    pixel_decoder=dict(type='MSDeformAttnPixelDecoder', in_channels=[256, 512, 1024, 2048]),
    decoder=dict(type='VideoMaskDecoder', num_queries=20))
"""


def run(*args, name='official_to_mmtmt'):
    script = ROOT / 'tools' / 'model_converters' / f'{name}.py'
    return subprocess.run(
        [sys.executable, script, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )


def load_tool():
    path = ROOT / 'tools' / 'model_converters' / 'official_to_mmtmt.py'
    spec = importlib.util.spec_from_file_location('official_to_mmtmt', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def weights():
    return Fixture.load(ROOT / 'tests' / 'golden' / 'm2f_video_inference_a').weights()


@pytest.fixture
def source(weights, tmp_path):
    path = tmp_path / 'model_final.pkl'
    path.write_bytes(
        pickle.dumps(
            dict(
                model={key: value.astype(np.float16) for key, value in weights.items()},
                __author__='Mask2Former',
            )
        )
    )
    return path


def test_converts_and_reports(source, tmp_path, weights):
    target, config = tmp_path / 'out' / 'converted.pth', tmp_path / 'model.py'
    config.write_text(MODEL)
    done = run(source, target, '--vocabulary', 'ytvis19', '--config', config)
    assert done.returncode == 0, done.stderr
    assert 'missing: none' in done.stdout and 'unexpected: none' in done.stdout
    assert 'reshaped: 2' in done.stdout
    assert 'decoder.head.cls_embed.weight: [41, 256] in the checkpoint, [26, 256]' in done.stdout
    checkpoint = torch.load(target, weights_only=True)
    assert len(checkpoint['meta']['taxonomy']['keys']) == 40
    assert checkpoint['meta']['model'] == 'Mask2FormerVIS'
    value = checkpoint['state_dict']['decoder.layers.8.ffn.2.weight']
    key = 'sem_seg_head.predictor.transformer_ffn_layers.8.linear2.weight'
    assert value.dtype == torch.float32
    assert np.array_equal(value.numpy(), weights[key].astype(np.float16).astype(np.float32))


def clip_weights(kind, categories):
    """What tells a VITA or GenVIS, under the official names, with a classifier of the clips."""
    names = dict(VITA='query_feat', GenVIS='pre_memory_embed_k')
    return {
        f'vita_module.{names[kind]}.weight': np.zeros((4, 4)),
        'vita_module.class_embed.weight': np.zeros((categories + 1, 4)),
        'sem_seg_head.predictor.class_embed.weight': np.zeros((41, 4)),
    }


@pytest.mark.parametrize('kind', ['VITA', 'GenVIS'])
def test_tells_the_models_of_clips(kind):
    tool = load_tool()
    conversion = convert_checkpoint({'model': clip_weights(kind, 40)})
    assert tool.model_type(conversion.state, None, 'VITA') == kind
    with pytest.raises(ValueError, match=f'--model IDOL: .* the weights are of {kind}'):
        tool.model_type(conversion.state, 'IDOL', None)
    assert len(tool.taxonomy_meta(conversion, 'ytvis19')['keys']) == 40
    conversion = convert_checkpoint({'model': clip_weights(kind, 25)})
    with pytest.raises(ValueError, match='the checkpoint has 25 .clip_decoder.head.cls_embed'):
        tool.taxonomy_meta(conversion, 'ytvis19')


def test_names_alone_do_not_tell_mask2former_from_minvis(weights):
    tool, state = load_tool(), convert_checkpoint({'model': weights}).state
    assert tool.model_type(state, None, None) is None
    assert tool.model_type(state, None, 'VITA') is None  # to start VITA from
    assert tool.model_type(state, None, 'MinVIS') == 'MinVIS'
    assert tool.model_type(state, 'MinVIS', 'Mask2FormerVIS') == 'MinVIS'


def test_errors_leave_no_file(source, tmp_path):
    target = tmp_path / 'converted.pth'
    done = run(source, target, '--vocabulary', 'uvo')
    assert done.returncode == 1 and 'uvo has 81 categories, the checkpoint has 40' in done.stderr
    source.write_bytes(b'cbuiltins\nprint\n(Vran\ntR.')
    done = run(source, target)
    assert done.returncode == 1 and '--trust-checkpoint' in done.stderr
    assert 'ran' not in done.stdout
    assert not target.exists()


@pytest.mark.parametrize('layout', ['official', 'mmdet-image'])
def test_writes_other_layouts(weights, tmp_path, layout):
    own = convert_checkpoint({'model': weights}).state
    source, target = tmp_path / 'own.pth', tmp_path / 'theirs.pth'
    torch.save({'meta': {}, 'state_dict': own}, source)
    done = run(source, target, '--layout', layout, name='mmtmt_to_official')
    assert done.returncode == 0, done.stderr
    again = convert_checkpoint(torch.load(target, weights_only=True)).state
    assert own.keys() == again.keys()
    assert all(torch.equal(own[key], again[key]) for key in own)


def test_taxonomy_modules_are_refused(tmp_path):
    torch.save({'state_dict': {'decoder.compilation.x': torch.ones(1)}}, tmp_path / 'tmt.pth')
    done = run(tmp_path / 'tmt.pth', tmp_path / 'out.pth', name='mmtmt_to_official')
    assert done.returncode == 1 and 'no counterpart' in done.stderr
    assert 'decoder.compilation.x' in done.stderr and not (tmp_path / 'out.pth').exists()
