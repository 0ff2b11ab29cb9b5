"""The benchmark's parts on all bases, at toy size: they run, and tell what they can't measure."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools'))
import bases
import benchmark
import gpu_parts

SIZE = (64, 96)
SMALL = {name: (f'tmt_vis/tmt-vis_{name.lower()}_demo_synth.py', ) * 2
         for name in ('MinVIS', 'GenVIS')}


def test_no_gpu(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    benchmark.main(['--parts', 'gpu'])
    assert 'no CUDA device: not measured' in capsys.readouterr().out


def test_what_a_gpu_would_run():
    speed = gpu_parts.speed(SIZE, 3, 1, device='cpu', pairs=SMALL)
    assert [row[0] for row in speed] == list(SMALL)
    assert all(float(value) > 0 for row in speed for value in row[1:])
    training = gpu_parts.training(SIZE, 1, device='cpu', compiled=False, pairs=SMALL)
    assert all(value.endswith(' ms') for row in training for value in row[1:])


def test_a_difference_is_noticed():
    model = bases.build(SMALL['MinVIS'][0])
    other = bases.build(SMALL['MinVIS'][0])
    clip = bases.sides.make_frames(2, *SIZE)
    bases.assert_same(bases.predict(model, clip), bases.predict(model, clip))
    with torch.no_grad():
        other.decoder.decoder.head.cls_embed.bias[:5] += 1
    with pytest.raises(AssertionError):
        bases.assert_same(bases.predict(other, clip), bases.predict(model, clip))
