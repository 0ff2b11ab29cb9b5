import pickle

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmtmt.structures.frame_source import ArrayFrameSource, ImageFrameSource, frames_to_tensor
from mmtmt.structures.images import FrameError, read_image
from mmtmt.structures.resize import ResizeRule, nearest_indices


def random_frames(count=5, height=20, width=30):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.fixture
def files(tmp_path):
    paths = []
    for index, frame in enumerate(random_frames()):
        paths.append(tmp_path / f'{index}.png')
        Image.fromarray(frame).save(paths[-1])
    return paths


@pytest.mark.parametrize(
    'shape, short_side, max_size, expected',
    [
        ((720, 1280), 360, 1333, (360, 640)),
        ((1080, 1920), 360, 1333, (360, 640)),
        ((480, 854), 360, 1333, (360, 641)),  # 640.5 rounds up
        ((854, 480), 480, 1333, (854, 480)),
        ((300, 1500), 360, 1333, (267, 1333)),
        ((1, 5000), 360, 1333, (1, 1333)),
    ],
)
def test_short_side_rule(shape, short_side, max_size, expected):
    rule = ResizeRule(short_side=short_side, max_size=max_size)
    assert rule.output_shape(*shape) == expected


@pytest.mark.parametrize('interpolation', ['bilinear', 'area', 'pillow'])
def test_resize(interpolation):
    rule = ResizeRule(size=(10, 12), interpolation=interpolation)
    assert rule(random_frames()[0]).shape == (10, 12, 3)
    flat = np.full((20, 30, 3), 77, np.uint8)
    assert (rule(flat) == 77).all()


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'short_side': 0},
        {'short_side': 3, 'size': (3, 3)},
        {'size': (3, 0)},
        {'short_side': 3, 'interpolation': 'cubic'},
    ],
)
def test_resize_refuses(options):
    with pytest.raises(ValueError, match='expected'):
        ResizeRule(**options)


@pytest.mark.parametrize('old, new', [(20, 20), (20, 7), (20, 33), (7, 100), (5, 1)])
def test_nearest_is_pillows(old, new):
    row = Image.fromarray(np.arange(old, dtype=np.uint8)[None])
    expected = np.asarray(row.resize((new, 1), Image.Resampling.NEAREST))[0]
    np.testing.assert_array_equal(nearest_indices(old, new), expected)


def test_files_arrays_and_chunks_agree(files):
    rule = ResizeRule(short_side=12)
    from_files = ImageFrameSource(files, resize=rule)
    from_array = ArrayFrameSource(random_frames(), resize=rule)
    assert len(from_files) == 5
    assert from_files.ori_shape == (20, 30) and from_files.img_shape == (12, 18)
    whole = from_files.read(0, 5)
    assert whole.shape == (5, 3, 12, 18) and whole.dtype == torch.uint8
    assert torch.equal(whole, from_array.read(0, 99))
    assert torch.equal(whole, torch.cat([from_files.read(0, 2), from_files.read(2, 5)]))


def test_frames_are_rgb_without_resizing(files):
    expected = torch.from_numpy(random_frames()).permute(0, 3, 1, 2)
    assert torch.equal(ImageFrameSource(files).read(0, 5), expected)


def test_source_is_lazy_and_survives_pickling(files):
    source = ImageFrameSource(files, ori_shape=(20, 30))
    files[4].unlink()
    again = pickle.loads(pickle.dumps(source))
    assert torch.equal(again.read(0, 4), source.read(0, 4))
    with pytest.raises(FrameError, match='4.png'):
        again.read(3, 5)


@pytest.mark.parametrize('start, stop', [(5, 6), (-1, 2), (3, 3)])
def test_ranges_outside_the_video(start, stop):
    with pytest.raises(IndexError, match='clip: expected a range of frames within 0..5'):
        ArrayFrameSource(random_frames(), name='clip').read(start, stop)


def test_empty_video():
    with pytest.raises(ValueError, match='at least one frame'):
        ImageFrameSource([], name='clip')
    with pytest.raises(ValueError, match=r'\(T, H, W, 3\) of uint8'):
        ArrayFrameSource(np.zeros((2, 3, 4, 3)))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('kept', [0.0, 0.02, 0.6, 0.99])
def test_truncated_image(tmp_path, suffix, kept):
    path = tmp_path / f'frame{suffix}'
    cv2.imwrite(str(path), random_frames(1, 64, 64)[0])
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(FrameError, match=f'frame{suffix}'):
        read_image(path)


def test_thumbnail_does_not_hide_truncation(tmp_path):
    """A JPEG that embeds another one has an end marker before its own data."""
    _, inner = cv2.imencode('.jpg', random_frames(1, 16, 16)[0])
    _, outer = cv2.imencode('.jpg', random_frames(1, 64, 64)[0])
    inner, outer = inner.tobytes(), outer.tobytes()
    segment = b'\xff\xe1' + (len(inner) + 2).to_bytes(2, 'big') + inner
    path = tmp_path / 'frame.jpg'
    path.write_bytes(outer[:2] + segment + outer[2:])
    assert read_image(path).shape == (64, 64, 3)
    path.write_bytes((outer[:2] + segment + outer[2:])[:-100])
    with pytest.raises(FrameError, match='truncated'):
        read_image(path)


def test_wrong_files(tmp_path, files):
    with pytest.raises(FrameError, match=r'got No such file'):
        read_image(tmp_path / 'none.png')
    text = tmp_path / 'text.jpg'
    text.write_text('hello')
    with pytest.raises(FrameError, match='cannot decode'):
        read_image(text)
    with pytest.raises(FrameError, match=r'expected a frame of 30 x 20 .* got 20 x 30'):
        read_image(files[0], (30, 20))


def test_frames_become_one_tensor():
    frames = [np.random.default_rng(t).integers(0, 256, (6, 9, 3), np.uint8) for t in range(3)]
    # views as crops leave them, and the same frame twice
    views = [frame[1:5, 2:8] for frame in [*frames, frames[0]]]
    tensor = frames_to_tensor(views)
    assert tensor.shape == (4, 3, 4, 6) and tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.permute(0, 2, 3, 1).numpy(), np.stack(views))
    with pytest.raises(ValueError, match='frames of one size'):
        frames_to_tensor([frames[0], views[0]])
    with pytest.raises(ValueError, match='float64'):
        frames_to_tensor([frames[0].astype(float)])
