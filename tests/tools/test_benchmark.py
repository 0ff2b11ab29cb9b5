"""The benchmark's parts on all bases, at toy size: they run, and tell what they can't measure."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools'))
import base_parts
import bases
import benchmark
import gpu_parts

SIZE = (64, 96)
SMALL = {name: (config, config) for name, config in bases.SMALL.items()
         if name in ('MinVIS', 'GenVIS')}



def test_a_long_video_is_measured_in_a_process_of_its_own(capsys):
    benchmark.main(['--parts', 'long', '--long', 'MinVIS', '12', '--threads', '1'])
    reading = benchmark.json.loads(capsys.readouterr().out.splitlines()[-1])
    assert reading['peak'] >= reading['before'] > 0


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
    model = bases.build(bases.SMALL['MinVIS'])
    other = bases.build(bases.SMALL['MinVIS'])
    clip = bases.sides.make_frames(2, *SIZE)
    bases.assert_same(bases.predict(model, clip), bases.predict(model, clip))
    with torch.no_grad():
        other.decoder.decoder.head.cls_embed.bias[:5] += 1
    with pytest.raises(AssertionError):
        bases.assert_same(bases.predict(other, clip), bases.predict(model, clip))


def test_rows_of_long_videos():
    rows = base_parts.long_videos(lambda base, frames: dict(before=90.0, peak=100.0 + frames / 100))
    assert [row[0] for row in rows] == list(bases.SMALL)
    assert rows[0][1:4] == ['101 (11)', '110 (20)', '+8.9%']
