"""The commands that extract frames and draw a dataset, run as a user runs them."""

import gzip
import runpy
import sys
from pathlib import Path

import pytest

from mmtmt.structures.images import read_image
from mmtmt.utils.video import VideoFrameSource
from tests.datasets.tiny_set import TRAIN_PIPELINE, TinySet
from tests.utils.test_video import write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(monkeypatch, capsys):
    def call(tool, *args):
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        runpy.run_path(str(ROOT / tool), run_name='__main__')
        return capsys.readouterr()

    return call


BROWSE = 'tools/analysis_tools/browse_dataset.py'
EXTRACT = 'tools/dataset_converters/extract_frames.py'


def written(printed, root):
    return [Path(line) for line in printed.splitlines() if line.startswith(str(root))]


def test_json_gives_a_sheet_and_a_video_each(tmp_path, run):
    tiny = TinySet(tmp_path)
    done = run(BROWSE, tiny.save(), tmp_path / 'frames', '--out', tmp_path / 'look', '--limit', 2)
    files = written(done.out, tmp_path)
    assert [file.name for file in files] == ['v10.png', 'v10.mp4', 'v20.png', 'v20.mp4']
    assert '2/2' in done.err
    assert len(VideoFrameSource(files[3])) == 4
    assert read_image(files[2]).shape[1] == 3 * 480 + 2 * 6
    done = run(
        BROWSE,
        tiny.save(),
        tmp_path / 'frames',
        '--out',
        tmp_path / 'one',
        '--videos',
        'v30',
        '--no-mp4',
    )
    assert [path.name for path in (tmp_path / 'one').iterdir()] == ['v30.png']


def test_frames_without_a_folder_give_files_of_their_own(tmp_path, run):
    tiny = TinySet(tmp_path)
    for t in range(4):
        (tmp_path / f'frames/v20/{t:05d}.png').rename(tmp_path / f'frames/{t}.png')
    tiny.data['videos'][0]['file_names'] = ['0.png']
    tiny.data['videos'][1]['file_names'] = [f'{t}.png' for t in range(4)]
    done = run(BROWSE, tiny.save(), tmp_path / 'frames', '--out', tmp_path / 'look', '--no-mp4')
    assert [file.name for file in written(done.out, tmp_path)] == [
        '0.png_10.png',
        '0.png_20.png',
        'v30.png',
    ]


def test_config_gives_a_sheet_per_dataset(tmp_path, run):
    tiny = TinySet(tmp_path)
    sets = [tiny.config(name=name, pipeline=TRAIN_PIPELINE) for name in ('tiny', 'other')]
    loader = {'dataset': {'type': 'ConcatDataset', 'datasets': sets}}
    (tmp_path / 'config.py').write_text(f'train_dataloader = {loader!r}\n')
    done = run(BROWSE, tmp_path / 'config.py', '--out', tmp_path / 'look', '--limit', 4)
    assert [file.name for file in written(done.out, tmp_path)] == ['tiny.png', 'other.png']
    first = read_image(tmp_path / 'look/tiny.png')
    assert first.shape[1] == 2 * 480 + 6
    run(BROWSE, tmp_path / 'config.py', '--out', tmp_path / 'again', '--limit', 4)
    assert (read_image(tmp_path / 'again/tiny.png') == first).all()


def test_the_first_sample_chooses_the_stage(tmp_path, run):
    resize = [{'type': 'ClipResize', 'size': size} for size in ((32, 32), (96, 32))]
    stages = {'type': 'ClipStages', 'first_samples': 9, 'first': resize[:1], 'then': resize[1:]}
    pipeline = [*TRAIN_PIPELINE[:3], stages, TRAIN_PIPELINE[-1]]
    loader = {'dataset': TinySet(tmp_path).config(pipeline=pipeline)}
    (tmp_path / 'config.py').write_text(f'train_dataloader = {loader!r}\n')
    heights = []
    for first in (0, 8, 9):
        out = tmp_path / f'look{first}'
        run(BROWSE, tmp_path / 'config.py', '--out', out, '--limit', 2, '--first-sample', first)
        heights.append(read_image(out / 'tiny.png').shape[0])
    assert heights[0] < heights[1] < heights[2]


def test_packed_json(tmp_path, run):
    path = TinySet(tmp_path).save()
    packed = tmp_path / 'all.json.gz'
    packed.write_bytes(gzip.compress(path.read_bytes()))
    run(BROWSE, packed, tmp_path / 'frames', '--out', tmp_path / 'look', '--no-mp4')
    assert (tmp_path / 'look/v20.png').is_file()


@pytest.mark.parametrize(
    'option', [('--limit', -1), ('--limit', 0), ('--sheet-frames', 0), ('--first-sample', -1)]
)
def test_numbers_out_of_range_are_refused(tmp_path, run, capsys, option):
    with pytest.raises(SystemExit, match='2'):
        run(BROWSE, TinySet(tmp_path).save(), tmp_path / 'frames', '--out', tmp_path, *option)
    assert f'{option[0]}: expected' in capsys.readouterr().err


@pytest.mark.parametrize('config', ['', 'train_dataloader = None', 'train_dataloader = {}'])
def test_config_without_training_ends_in_a_line(tmp_path, run, config):
    (tmp_path / 'config.py').write_text(config)
    with pytest.raises(SystemExit, match='error: config .*config.py: expected a train_dataloader'):
        run(BROWSE, tmp_path / 'config.py', '--out', tmp_path / 'look')


def test_mistakes_end_in_a_line(tmp_path, run):
    tiny = TinySet(tmp_path)
    with pytest.raises(SystemExit, match='2'):
        run(BROWSE, tiny.save(), '--out', tmp_path / 'look')
    (tmp_path / 'frames/v20/00000.png').unlink()
    with pytest.raises(SystemExit, match='error: .*v20/00000.png'):
        run(BROWSE, tiny.save(), tmp_path / 'frames', '--out', tmp_path / 'look')


def test_extract(tmp_path, run):
    clips = [write(tmp_path / f'{name}.mp4', num_frames=5) for name in 'ab']
    done = run(EXTRACT, *clips, '--out', tmp_path / 'frames', '--limit', 3)
    assert f'{tmp_path}/frames/b: 3 frames' in done.out and '3/3' in done.err
    with pytest.raises(SystemExit, match='error: .*exists; --overwrite'):
        run(EXTRACT, *clips, '--out', tmp_path / 'frames')
    with pytest.raises(SystemExit, match='2'):
        run(EXTRACT, clips[0], clips[0], '--out', tmp_path / 'frames')
