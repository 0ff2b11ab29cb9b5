"""Frames of a video as files."""

import numpy as np
import pytest

from mmtmt.structures.images import FrameError, read_image
from mmtmt.utils.extraction import extract_frames
from tests.utils.test_video import NUM_FRAMES, number_of, write


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return write(tmp_path_factory.mktemp('extraction') / 'clip.mp4')


def extracted(clip, folder, **options):
    count = extract_frames(clip, folder, **options)
    frames = sorted(folder.iterdir())
    assert len(frames) == count
    return [read_image(path) for path in frames], [path.name for path in frames]


def test_all_frames(clip, tmp_path):
    calls = []
    frames, names = extracted(clip, tmp_path / 'a/clip', progress=lambda *call: calls.append(call))
    assert [number_of(frame) for frame in frames] == list(range(NUM_FRAMES))
    assert names[:2] == ['00000.jpg', '00001.jpg'] and calls[-1] == (NUM_FRAMES, NUM_FRAMES)
    assert frames[0].shape == (48, 64, 3)
    assert not [p for p in (tmp_path / 'a').iterdir() if p.name != 'clip']


@pytest.mark.parametrize(
    ('fps', 'numbers'),
    [
        (6.25, list(range(0, 30, 2))),
        (5, [0, 2, 5, 8, 10, 12, 15, 18, 20, 22, 25, 28]),
        (100, list(range(30))),
        (0.4, [0]),
    ],
)
def test_fewer_frames_per_second(clip, tmp_path, fps, numbers):
    frames, _ = extracted(clip, tmp_path / 'clip', fps=fps)
    assert [number_of(frame) for frame in frames] == numbers


def test_size_format_and_limit(clip, tmp_path):
    frames, names = extracted(clip, tmp_path / 'clip', short_side=24, suffix='.png', limit=3)
    assert names == ['00000.png', '00001.png', '00002.png']
    assert frames[0].shape == (24, 32, 3)
    assert np.ptp(frames[1][10:, 10:].astype(int)) < 8


def test_nothing_is_overwritten_or_left_behind(clip, tmp_path):
    folder = tmp_path / 'clip'
    extract_frames(clip, folder, limit=2)
    with pytest.raises(FileExistsError, match='exists; --overwrite'):
        extract_frames(clip, folder)
    assert extract_frames(clip, folder, limit=1, overwrite=True) == len(list(folder.iterdir()))
    (folder / '00000.json').write_text('drawn by hand')
    with pytest.raises(FileExistsError, match='holds 00000.json, which is no such output'):
        extract_frames(clip, folder, overwrite=True)
    assert (folder / '00000.json').read_text() == 'drawn by hand'
    (tmp_path / 'text.mp4').write_text('hello')
    with pytest.raises(FrameError, match='text.mp4'):
        extract_frames(tmp_path / 'text.mp4', tmp_path / 'out')
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(clip.read_bytes()[:-2000])
    with pytest.raises(FrameError, match='broken.mp4'):
        extract_frames(broken, tmp_path / 'out')
    assert {p.name for p in tmp_path.iterdir()} == {'clip', 'text.mp4', 'broken.mp4'}


@pytest.mark.parametrize(
    'options', [{'fps': 0}, {'short_side': -1}, {'limit': 0}, {'suffix': '.gif'}]
)
def test_bad_options(clip, tmp_path, options):
    with pytest.raises(ValueError, match='expected'):
        extract_frames(clip, tmp_path / 'out', **options)
    assert not list(tmp_path.iterdir())
