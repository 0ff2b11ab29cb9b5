"""The page about own videos, followed to the letter: its commands run in their order."""

import contextlib
import glob
import io
import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from mmtmt.structures.images import read_image
from mmtmt.utils.video import VideoFrameSource, VideoWriter
from tests.datasets.tiny_set import to_rle

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs/own_data.md').read_text()
COMMANDS = re.findall(r'^    (python .*)$', PAGE.replace('\\\n', ' '), flags=re.M)
CLIPS = [f'{scene}_{number}' for scene in ('gate', 'road', 'savanna') for number in (1, 2)]
CLIPS += ['pond_a', 'pond_b']
HEIGHT, WIDTH, STEPS = 48, 80, 2
# What makes the page's config small enough for a test.
SMALL = """
_base_ = './page.py'
model = dict(
    backbone=dict(depth=18),
    pixel_decoder=dict(
        in_channels=[64, 128, 256, 512], feat_channels=32, out_channels=32, num_encoder_layers=1,
        feedforward_dims=32),
    decoder=dict(
        decoder=dict(embed_dims=32, num_layers=2, feedforward_dims=32, num_queries=5),
        compilation=dict(adapter_dims=16, feedforward_dims=32),
        injection=dict(feedforward_dims=32)),
    criterion=dict(num_points=32))
val_dataloader = dict(num_workers=0)
test_dataloader = val_dataloader
"""


def places(t):
    """Top left corners of the objects of frame t, which don't meet."""
    return {'zebra': (4, 3 * t), 'giraffe': (28, 60 - 3 * t)}


def frame(t):
    """A grey frame with both of them."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for color, (top, left) in zip(((200, 60, 60), (60, 200, 60)), places(t).values()):
        image[top : top + 14, left : left + 16] = color
    return image


def annotate(folder):
    """A LabelMe file beside each extracted frame."""
    for path in sorted(folder.glob('*.jpg')):
        t = 2 * int(path.stem)  # six of twelve frames per second are kept
        shapes = [
            {'label': name, 'group_id': 1, 'shape_type': 'polygon', 'points': [
                [left, top], [left + 16, top], [left + 16, top + 14], [left, top + 14]]}
            for name, (top, left) in places(t).items()
        ]
        path.with_suffix('.json').write_text(json.dumps(
            {'shapes': shapes, 'imageHeight': HEIGHT, 'imageWidth': WIDTH}))


def cvat_file(folder):
    """The zebra of the first clip as CVAT exports it."""
    shapes = ''.join(
        f'<box frame="{t}" outside="0" occluded="0" xtl="{left}" ytl="{top}" xbr="{left + 16}" '
        f'ybr="{top + 14}"/>' for t, (top, left) in enumerate(places(2 * t)['zebra']
                                                              for t in range(4)))
    folder.mkdir()
    (folder / f'{CLIPS[0]}.xml').write_text(
        '<annotations><version>1.1</version><meta><task><start_frame>0</start_frame>'
        '<stop_frame>3</stop_frame></task></meta>'
        f'<track id="0" label="zebra">{shapes}</track></annotations>')


def run(command):
    """Run a command line; returns its exit status and what it printed."""
    _, script, *words = shlex.split(command)
    arguments = [path for word in words for path in (
        sorted(glob.glob(word)) if '*' in word else [word])]
    printed, code = io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, 'argv', [script, *arguments])
        try:
            runpy.run_path(str(ROOT / script), run_name='__main__')
        except SystemExit as end:
            code = end.code or 0
    assert code == 0, f'{command}: {code}\n{printed.getvalue()}'
    return printed.getvalue()


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """The page's commands that are still to be run, in the folder of a reader with some clips."""
    monkeypatch.chdir(tmp_path)
    Path('clips').mkdir()
    for name in CLIPS:
        with VideoWriter(Path('clips') / f'{name}.mp4', fps=12) as writer:
            for t in range(8):
                writer.write(frame(t))
    Path('configs/my_sets').mkdir(parents=True)
    Path('configs/_base_').symlink_to(ROOT / 'configs/_base_')
    (config,) = re.findall(r'```python\n(.*?)```', PAGE, flags=re.S)
    Path('configs/my_sets/page.py').write_text(config)
    Path('configs/my_sets/zoo.py').write_text(SMALL)
    return list(COMMANDS)


def take(commands, *words):
    """Run the next command, which has to hold these words."""
    command = commands.pop(0)
    assert all(word in command for word in words), command
    return run(command)


def test_page_can_be_followed(commands):
    assert f'data/zoo/frames/{CLIPS[0]}: 4 frames' in take(commands, 'extract_frames.py')
    for name in CLIPS:
        annotate(Path('data/zoo/frames') / name)
    assert f'{len(CLIPS)} videos, {4 * len(CLIPS)} frames' in take(commands, 'labelme')

    # other tools' exports of the same
    cvat_file(Path('data/zoo/cvat'))
    formats = {'davis': 'masks', 'mots-png': 'mots_png', 'mots-txt': 'mots'}
    for to, out in (formats | {'coco-video': 'mmdet.json'}).items():
        run('python tools/dataset_converters/convert.py ytvis data/zoo/all.json '
            f'--to {to} --out data/zoo/{out}')
    for name in ('cvat', 'davis', 'mots-png', 'mots-txt', 'coco-video'):
        assert ' masks' in take(commands, f'convert.py {name} ')
    masks = [annotation['segmentations'] for annotation in json.loads(
        Path('data/zoo/mots.json').read_text())['annotations']]
    zebra = np.zeros((HEIGHT, WIDTH), bool)
    zebra[4:18, :16] = True
    assert to_rle(zebra) in [tube[0] for tube in masks]

    assert '0 errors, 0 warnings' in take(commands, 'check_dataset.py')
    take(commands, '--fix')
    take(commands, 'browse_dataset.py', 'all.json')
    assert len(list(Path('work_dirs/look').glob('*.png'))) == 3
    take(commands, 'split_dataset.py')
    assert len(json.loads(Path('data/zoo/valid.json').read_text())['videos']) == 2
    assert '2 videos' in take(commands, 'convert.py ytvis')
    assert '0 errors, 0 warnings' in take(commands, 'check_dataset.py', '--others')
    names = take(commands, 'taxonomy_report.py')
    assert 'ytvis19:giraffe, train:giraffe' in names and 'zoo valid' in names
    assert 'VideoInstanceMetric' in take(commands, 'print_config.py')
    take(commands, 'browse_dataset.py', 'zoo.py')
    assert read_image('work_dirs/look/zoo.png').shape[0] > 6 * HEIGHT

    # fewer steps than the page's
    (steps,) = set(re.findall(r'(?:iter_|max_iters=)(\d+)', ''.join(commands[:3])))
    commands = [re.sub(rf'(iter_|max_iters=){steps}\b', rf'\g<1>{STEPS}', c) for c in commands]
    take(commands, 'train.py', 'zoo_trial')
    take(commands, 'test.py', 'results.json')
    results = json.loads(Path('work_dirs/zoo_trial/results.json').read_text())
    tested = json.loads(Path('data/zoo/valid.json').read_text())['videos']
    assert {result['video_id'] for result in results} == {video['id'] for video in tested}
    take(commands, 'video_demo.py')
    assert len(VideoFrameSource('work_dirs/zoo_trial/pond_a.mp4')) == 8

    # what is left is for a GPU; its parsers take it
    assert ['train.py' in commands[0], 'test.py' in commands[1], len(commands)] == [True, True, 2]
    for command in commands:
        _, script, *arguments = shlex.split(command)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, 'argv', [script, *arguments])
            parse_args = runpy.run_path(str(ROOT / script), run_name='parsed')['parse_args']
            assert parse_args().config == 'configs/my_sets/zoo.py'
