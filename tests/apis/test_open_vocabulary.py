"""Any words, from a command line to masks: text classifier, bank and encoder together."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmtmt.apis import VISInferencer
from mmtmt.models.text_encoders import OpenClipEncoder, build_bank
from mmtmt.registry import MODELS
from mmtmt.utils.video import VideoWriter
from tests.models.conftest import toy_model_config
from tests.models.text_encoders.tiny_clip import MODEL, TAG, write_tower

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """A folder with tower, bank, config, weights and clip."""
    folder = tmp_path_factory.mktemp('open')
    tower = write_tower(folder / 'tower')
    build_bank(OpenClipEncoder(MODEL, TAG, tower), model=MODEL, tag=TAG).save(
        folder / 'bank.safetensors'
    )
    model = toy_model_config(
        classifier='text', text_bank=dict(path=str(folder / 'bank.safetensors'))
    )
    pipeline = [dict(type='LoadFrames', size=(48, 64)), dict(type='PackVideo')]
    config = Config(dict(model=model, test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    config.dump(folder / 'config.py')
    torch.manual_seed(0)
    torch.save({'state_dict': MODELS.build(config.model).state_dict()}, folder / 'weights.pth')
    frames = np.random.default_rng(0).integers(0, 255, (3, 48, 64, 3), dtype=np.uint8)
    with VideoWriter(folder / 'clip.mp4', fps=5) as writer:
        for frame in frames:
            writer.write(frame)
    return folder, frames


def scores(world, words, **options):
    folder, frames = world
    inferencer = VISInferencer(
        folder / 'config.py', folder / 'weights.pth', device='cpu', vocabulary=words,
        text_weights=folder / 'tower', **options)  # fmt: skip
    inferencer.model.test_cfg['max_per_video'] = 10**6
    found = inferencer(frames)
    assert set(found.names) == set(words)
    return {name: found.scores[np.array(found.names) == name] for name in words}


def test_words_are_read_by_what_they_say(world):
    first = scores(world, ['okapi', 'red car', 'person'])
    again = scores(world, ['person', 'red car', 'okapi'])
    other = scores(world, ['okapi', 'blue bicycle', 'person'])
    for name in first:
        np.testing.assert_allclose(first[name], again[name], rtol=1e-4)
    assert not np.allclose(first['red car'], other['blue bicycle'], rtol=1e-3)


@pytest.fixture
def demo(world, monkeypatch, capsys):
    folder, _ = world

    def call(*arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(
            sys, 'argv',
            ['video_demo.py', 'clip.mp4', 'config.py', 'weights.pth', '--out', 'out.mp4',
             '--device', 'cpu', *map(str, arguments)])  # fmt: skip
        try:
            runpy.run_path(str(ROOT / 'demo/video_demo.py'), run_name='__main__')
        except SystemExit as end:
            return end.code
        return json.loads(Path('out.json').read_text())

    return call


def test_demo_takes_any_words(demo):
    entries = demo('--vocabulary', 'okapi, red car', '--text-weights', 'tower')
    assert {entry['category_name'] for entry in entries} <= {'okapi', 'red car'}
    assert len(entries) == 10 and all(len(entry['segmentations']) == 3 for entry in entries)


def test_demo_says_what_is_missing(demo, world, tmp_path):
    message = demo('--vocabulary', 'okapi, person')
    assert message.startswith('error: ') and "misses ['okapi']" in message
    assert "knows no model 'tiny'" in message
    other = write_tower(tmp_path / 'other', seed=1)
    message = demo('--vocabulary', 'okapi', '--text-weights', other)
    assert 'is not the encoder that wrote' in message


def test_a_linear_classifier_takes_no_new_words(world, tmp_path):
    folder, _ = world
    config = Config.fromfile(folder / 'config.py')
    config.model.decoder.decoder.classifier = 'linear'
    torch.save({'state_dict': MODELS.build(config.model).state_dict()}, tmp_path / 'linear.pth')
    inferencer = VISInferencer(
        config, tmp_path / 'linear.pth', device='cpu', vocabulary=['person', 'okapi'])  # fmt: skip
    expected = "not trained on .'okapi'.*need a model with classifier='text'"
    with pytest.raises(ValueError, match=expected):
        inferencer(world[1])
