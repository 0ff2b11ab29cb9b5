"""The inferencer and the demo script over a model that follows bright squares."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmtmt.apis import VISInferencer, init_model
from mmtmt.evaluation import evaluate
from mmtmt.structures.images import FrameError
from mmtmt.structures.resize import ResizeRule
from mmtmt.utils.video import VideoFrameSource, VideoWriter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def clip_frames(num_frames=7):
    frames = np.full((num_frames, 48, 64, 3), 30, np.uint8)
    for t, frame in enumerate(frames):
        frame[16:32, 4 * t : 4 * t + 16] = 250
    return frames


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(
        "default_scope = 'mmtmt'\n"
        "custom_imports = dict(imports=['toy_model'])\n"
        "model = dict(type='BrightRegions', vocabularies=['ytvis19', 'coco'])\n"
        'test_dataloader = dict(dataset=dict(pipeline=[\n'
        "    dict(type='LoadFrames', size=(24, 32)), dict(type='PackVideo')]))\n"
    )
    return path


@pytest.fixture(autouse=True)
def _toy_model_is_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'threshold': torch.tensor(100.0)}}, path)
    return path


@pytest.fixture
def inferencer(config, checkpoint):
    return VISInferencer(config, checkpoint, device='cpu')


def test_init_model_loads_the_weights(config, checkpoint):
    model = init_model(str(config), str(checkpoint), device='cpu')
    assert model.threshold.item() == 100 and not model.training
    assert model.cfg.model.type == 'BrightRegions'
    assert init_model(Config.fromfile(config), checkpoint, 'cpu').threshold.device.type == 'cpu'


def test_streams_at_the_size_of_the_test_pipeline(inferencer):
    calls = []
    found = inferencer(clip_frames(), progress=lambda done, total: calls.append((done, total)))
    assert inferencer.model.steps == [2, 2, 2, 1]
    assert calls == [(2, 7), (4, 7), (6, 7), (7, 7)]
    assert found.source.img_shape == (24, 32) and found.source.ori_shape == (48, 64)
    for t, mask in enumerate(found.tracks()[0].mask(t) for t in range(7)):
        expected = (clip_frames()[t] > 100).all(axis=-1)
        assert (mask == expected).mean() > 0.98


def test_all_that_the_model_knows_is_the_default(inferencer):
    names = inferencer.vocabulary.names
    # The animal and the computer's mouse are two categories of the union.
    assert len(names) == len(inferencer.model.taxonomy) == len(set(names))
    assert {'giant_panda', 'mouse', 'computer_mouse'} - set(names) <= {'mouse'}
    assert inferencer(clip_frames()).names == names[:2]


@pytest.mark.parametrize(
    'vocabulary, names, ids',
    [
        ('uvo', ['person', 'bicycle'], [1, 2]),
        (['zebra', 'red car'], ['zebra', 'red car'], [1, 2]),
        (['zebra'], ['zebra'], [1]),
    ],
)
def test_vocabulary_is_the_callers(config, checkpoint, vocabulary, names, ids):
    inferencer = VISInferencer(config, checkpoint, device='cpu', vocabulary=vocabulary)
    results = inferencer(clip_frames()).to_results()
    assert [result['category_name'] for result in results] == names
    assert [result['category_id'] for result in results] == ids


def test_one_object_under_two_names_is_drawn_once(inferencer):
    found = inferencer(clip_frames())
    assert len(found) == 2
    assert [track.label for track in found.tracks()] == [f'1 {found.names[0]} 0.90']
    assert found.tracks(min_score=0.95) == []


def test_saved_results_are_in_the_results_form(inferencer, tmp_path):
    found = inferencer(clip_frames())
    video, results = found.save(tmp_path / 'new' / 'out.mp4', fps=5)
    assert results == tmp_path / 'new' / 'out.json'
    assert (len(VideoFrameSource(video)), VideoFrameSource(video).fps) == (7, 5)
    entries = json.loads(results.read_text())
    gt = {
        'videos': [{'id': 1, 'height': 48, 'width': 64, 'length': 7}],
        'categories': [{'id': i, 'name': str(i)} for i in (1, 2)],
        'annotations': [{'id': 1, **entries[0]}],
    }
    assert evaluate(gt, entries)['AP'] == pytest.approx(1)


def test_video_file_and_array_give_the_same(inferencer, tmp_path):
    with VideoWriter(tmp_path / 'clip.mp4', fps=10) as writer:
        for frame in clip_frames():
            writer.write(frame)
    from_file, from_array = inferencer(tmp_path / 'clip.mp4'), inferencer(clip_frames())
    areas = [
        [t.mask(i).sum() for i in range(7)] for f in (from_file, from_array) for t in f.tracks()
    ]
    np.testing.assert_allclose(*areas, rtol=0.1)


def test_config_without_a_test_pipeline(config, checkpoint):
    cfg = Config.fromfile(config)
    cfg.pop('test_dataloader')
    with pytest.raises(ValueError, match='LoadFrames'):
        VISInferencer(cfg, checkpoint, device='cpu')
    inferencer = VISInferencer(cfg, checkpoint, device='cpu', resize=ResizeRule(short_side=24))
    assert inferencer(clip_frames()).source.img_shape == (24, 32)


def test_missing_video_and_checkpoint(inferencer, config, tmp_path):
    with pytest.raises(FrameError, match='nothing.mp4'):
        inferencer(tmp_path / 'nothing.mp4')
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        init_model(config, tmp_path / 'nothing.pth')
    other = tmp_path / 'other.pth'
    torch.save({'state_dict': {'threshold': torch.tensor(1.0), 'more': torch.ones(1)}}, other)
    with pytest.raises(ValueError, match='other.pth does not fit.*unexpected'):
        init_model(config, other)


def run_demo(tmp_path, *args, script='video_demo.py'):
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE), str(ROOT)])}
    command = [sys.executable, str(ROOT / 'demo' / script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)


def test_video_demo(config, checkpoint, tmp_path):
    with VideoWriter(tmp_path / 'clip.mp4', fps=10) as writer:
        for frame in clip_frames():
            writer.write(frame)
    done = run_demo(
        tmp_path,
        *('clip.mp4', config, checkpoint, '--out', tmp_path / 'o.mp4'),
        *('--vocabulary', 'zebra, red car', '--device', 'cpu'),
    )
    assert done.returncode == 0, done.stderr
    assert '1 zebra 0.90, in 7 of 7 frames' in done.stdout
    assert len(VideoFrameSource(tmp_path / 'o.mp4')) == 7
    names = [entry['category_name'] for entry in json.loads((tmp_path / 'o.json').read_text())]
    assert names == ['zebra', 'red car']
    assert 'frames' in done.stderr and ' 7/7, ' in done.stderr


def test_video_demo_says_what_is_wrong(config, checkpoint, tmp_path):
    done = run_demo(tmp_path, 'no.mp4', config, checkpoint, '--out', 'o.mp4', '--device', 'cpu')
    assert done.returncode == 1 and 'error: no.mp4' in done.stderr
    assert 'Traceback' not in done.stderr
    done = run_demo(tmp_path, 'a.mp4', 'no.py', checkpoint, '--out', 'o.mp4')
    assert done.returncode == 1 and 'error: config no.py does not exist' in done.stderr
    done = run_demo(tmp_path, 'a.mp4', config, checkpoint, '--out', 'o.mp4', '--fps', -1)
    assert done.returncode == 2 and '--fps: expected more than 0, got -1.0' in done.stderr
    (tmp_path / 'a.mp4').write_bytes(b'my video')
    done = run_demo(tmp_path, 'a.mp4', config, checkpoint, '--out', tmp_path / 'a.mp4')
    assert done.returncode == 2 and 'is an input, which would be lost' in done.stderr
    assert (tmp_path / 'a.mp4').read_bytes() == b'my video'
    words = tmp_path / 'a.json'
    words.write_text('my vocabulary')
    done = run_demo(
        tmp_path, 'b.mp4', config, checkpoint, '--out', tmp_path / 'a.mp4', '--vocabulary', words
    )
    assert done.returncode == 2 and 'a.json is an input' in done.stderr
    assert words.read_text() == 'my vocabulary'


def test_a_device_that_is_not_there_is_named(config, checkpoint):
    with pytest.raises(ValueError, match='device cuda:99: this torch finds [0-9]+ GPUs'):
        init_model(config, checkpoint, device='cuda:99')
    with pytest.raises(ValueError, match="device 'gpu': "):
        init_model(config, checkpoint, device='gpu')


def test_the_predictions_are_kept_when_the_video_fails(config, checkpoint, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError('no room for the video')

    found = VISInferencer(config, checkpoint, device='cpu')(clip_frames())
    monkeypatch.setattr('mmtmt.apis.inference.render_video', fail)
    with pytest.raises(OSError, match='no room'):
        found.save(tmp_path / 'o.mp4')
    assert len(json.loads((tmp_path / 'o.json').read_text())) == len(found)
    (tmp_path / 'valid.json').write_text('mine')
    with pytest.raises(ValueError, match='expected the name of an mp4 file, got .*valid.json'):
        found.save(tmp_path / 'valid.json')
    assert (tmp_path / 'valid.json').read_text() == 'mine'


def test_compare_demo(config, checkpoint, tmp_path):
    """Two models stand side by side; what both find has one number."""
    with VideoWriter(tmp_path / 'clip.mp4', fps=10) as writer:
        for frame in clip_frames():
            writer.write(frame)
    models = [('--model', caption, config, checkpoint) for caption in ('base', 'other')]
    args = [*models[0], *models[1], '--out', tmp_path / 'pair.mp4', '--device', 'cpu']
    done = run_demo(tmp_path, 'clip.mp4', *args, script='compare_demo.py')
    assert done.returncode == 0, done.stderr
    pair, one = VideoFrameSource(tmp_path / 'pair.mp4'), VideoFrameSource(tmp_path / 'clip.mp4')
    assert len(pair) == 7 and pair.ori_shape[1] > 2 * one.ori_shape[1]
    frame = pair.decode(3, 4)[0].astype(int)
    width = frame.shape[1] // 2 - 2
    banner = frame.shape[0] - one.ori_shape[0] * (width // one.ori_shape[1])
    assert np.abs(frame[banner:, :width] - frame[banner:, -width:]).mean() < 5

    done = run_demo(tmp_path, 'clip.mp4', *models[0], '--out', 'a.mp4', script='compare_demo.py')
    assert done.returncode == 2 and 'two or more' in done.stderr


def test_video_demo_looks_at_its_output_before_it_begins(config, checkpoint, tmp_path):
    (tmp_path / 'file').write_text('')
    out = tmp_path / 'file' / 'o.mp4'
    done = run_demo(tmp_path, 'a.mp4', config, checkpoint, '--out', out)
    assert done.returncode == 2 and '--out: ' in done.stderr and 'file' in done.stderr


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ('model.frame_per_step', r'^model.frame_per_step: .*did you mean frames_per_step'),
        ('model.depth', r"unexpected keyword argument 'depth'"),
        ('models', '^models: .*did you mean model'),
        (None, '^model: expected the config of a model'),
    ],
)
def test_mistakes_in_a_config_are_named(config, checkpoint, change, message):
    cfg = Config.fromfile(config)
    if change is None:
        cfg.pop('model')
    else:
        cfg.merge_from_dict({change: 20})
    with pytest.raises(ValueError, match=message):
        init_model(cfg, checkpoint, device='cpu')
