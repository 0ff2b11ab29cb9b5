"""Videos written and read back, and every form of input."""

import pickle

import av
import cv2
import numpy as np
import pytest

from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.images import FrameError
from mmtmt.structures.resize import ResizeRule
from mmtmt.utils import video as video_module
from mmtmt.utils.video import (
    VideoFrameSource,
    VideoWriter,
    natural_key,
    open_frame_source,
    video_codec,
)

NUM_FRAMES = 30


def frame_with_number(t, height=48, width=64):
    """Grey frames, each brighter than the one before, so that a frame tells its number."""
    frame = np.full((height, width, 3), 20 + 7 * t, np.uint8)
    frame[:8, :8] = (200, 30, 30)
    return frame


def number_of(frame):
    return round((float(frame[20:, 20:].mean()) - 20) / 7)


def write(path, num_frames=NUM_FRAMES, fps=12.5, **size):
    with VideoWriter(path, fps=fps) as writer:
        for t in range(num_frames):
            writer.write(frame_with_number(t, **size))
    return path


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return write(tmp_path_factory.mktemp('video') / 'clip.mp4')


def test_round_trip(clip):
    source = VideoFrameSource(clip)
    assert (len(source), source.ori_shape, source.fps) == (NUM_FRAMES, (48, 64), 12.5)
    frames = source.decode(0, NUM_FRAMES)
    assert [number_of(frame) for frame in frames] == list(range(NUM_FRAMES))
    error = [np.abs(frame.astype(int) - frame_with_number(t)) for t, frame in enumerate(frames)]
    assert np.mean(error) < 4
    # Red stays red: the order of the channels is kept.
    assert frames[0][2, 2, 0] > 150 > 80 > frames[0][2, 2, 2]


def test_any_order_of_reading_gives_the_same_frames(clip):
    source = VideoFrameSource(clip)
    ranges = [(0, 3), (3, 7), (20, 22), (5, 6), (5, 6), (29, 30), (0, 1), (1, 2)]
    for start, stop in ranges:
        assert [number_of(f) for f in source.decode(start, stop)] == list(range(start, stop))


def test_reading_on_does_not_start_again(clip, monkeypatch):
    source = VideoFrameSource(clip)
    starts = []
    original = source._decode_from
    monkeypatch.setattr(
        source, '_decode_from', lambda start: starts.append(start) or original(start)
    )
    for start in range(0, 12, 4):
        source.decode(start, start + 4)
    assert starts == [0]


def test_survives_pickling_while_open(clip):
    source = VideoFrameSource(clip, resize=ResizeRule(short_side=24))
    source.read(0, 2)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.read(2, 4).shape == (2, 3, 24, 32)
    np.testing.assert_array_equal(copy.read(2, 4), source.read(2, 4))


@pytest.mark.parametrize('size', [{'height': 47, 'width': 63}, {'height': 48, 'width': 63}])
def test_odd_sizes_are_made_even(tmp_path, size):
    source = VideoFrameSource(write(tmp_path / 'odd.mp4', 3, **size))
    assert source.ori_shape == (48, 64)
    assert source.decode(2, 3)[0].shape == (48, 64, 3)


def test_browsers_play_it(clip):
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ('h264', 'yuv420p')
    data = clip.read_bytes()
    assert data.index(b'moov') < data.index(b'mdat')


def test_codec_without_h264(tmp_path, monkeypatch):
    monkeypatch.setattr(video_module, 'video_codec', lambda: 'mpeg4')
    source = VideoFrameSource(write(tmp_path / 'old.mp4'))
    assert [number_of(frame) for frame in source.decode(0, NUM_FRAMES)] == list(range(NUM_FRAMES))


def test_choice_of_codec_is_logged(monkeypatch):
    lines = []
    monkeypatch.setattr(video_module, 'print_log', lambda text, **_: lines.append(text))
    monkeypatch.setattr(video_module.av, 'codecs_available', {'mpeg4'})
    video_codec.cache_clear()
    assert video_codec() == 'mpeg4' and 'no H.264' in lines[0]
    video_codec.cache_clear()


def test_a_video_that_cannot_be_finished_replaces_none(clip, tmp_path):
    before = clip.read_bytes()
    writer = VideoWriter(clip)
    writer.write(frame_with_number(1))
    encode = writer._stream.encode

    class Full:
        def encode(self, picture):
            if picture is None:
                raise OSError('disk full')
            return encode(picture)

    writer._stream = Full()
    with pytest.raises(OSError, match='disk full'), writer:
        pass
    assert clip.read_bytes() == before and not list(clip.parent.glob('.*.part'))


def test_no_half_file_after_an_error(tmp_path):
    with pytest.raises(ValueError, match='like before'), VideoWriter(tmp_path / 'a.mp4') as writer:
        writer.write(frame_with_number(0))
        writer.write(frame_with_number(0, height=50))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name, fps', [('a.avi', 10), ('a.mp4', 0)])
def test_writer_refuses(tmp_path, name, fps):
    with pytest.raises(ValueError, match=r'expected'):
        VideoWriter(tmp_path / name, fps=fps)


@pytest.mark.parametrize('share', [0.3, 0.9])
def test_file_that_is_cut_short(clip, tmp_path, share):
    data = clip.read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[: int(share * len(data))])
    with pytest.raises(FrameError, match=r'cut.mp4: expected a video file, got .*'):
        VideoFrameSource(tmp_path / 'cut.mp4')


@pytest.mark.parametrize('content', [b'', b'not a video at all'])
def test_file_that_is_no_video(tmp_path, content):
    (tmp_path / 'clip.mp4').write_bytes(content)
    with pytest.raises(FrameError, match=r'clip.mp4: expected a video file'):
        VideoFrameSource(tmp_path / 'clip.mp4')


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'frames').mkdir()
    for t in (10, 2, 1):
        cv2.imwrite(str(tmp_path / 'frames' / f'f{t}.png'), frame_with_number(t))
    (tmp_path / 'frames' / 'notes.txt').write_text('not a frame')
    (tmp_path / 'frames' / '._f1.png').write_text('what macOS keeps beside f1.png')
    return tmp_path / 'frames'


def test_folder_pattern_and_list(folder):
    for video in (folder, f'{folder}/f*.png'):
        source = open_frame_source(video)
        assert [number_of(frame) for frame in source.decode(0, 3)] == [1, 2, 10]
    source = open_frame_source([folder / 'f10.png', folder / 'f1.png'])
    assert [number_of(frame) for frame in source.decode(0, 2)] == [10, 1]
    assert len(open_frame_source(folder / 'f2.png')) == 1


def test_any_name_can_be_sorted():
    assert natural_key('f2') < natural_key('f10')
    assert natural_key('1\u00b22') == ['', 1, '\u00b2', 2, '']  # a raised two is no digit


def test_array_video_and_source(clip):
    frames = np.stack([frame_with_number(t) for t in range(3)])
    assert len(open_frame_source(frames, resize=ResizeRule(short_side=24))) == 3
    assert len(open_frame_source(str(clip))) == NUM_FRAMES
    source = ArrayFrameSource(frames)
    assert open_frame_source(source) is source


def test_nothing_there(tmp_path):
    for video, message in [
        (tmp_path / 'no.mp4', 'got nothing'),
        (f'{tmp_path}/*.jpg', 'no file matches'),
        (tmp_path, 'got one without'),
    ]:
        with pytest.raises(FrameError, match=message):
            open_frame_source(video)


def test_telephone_video_is_turned_upright(clip, tmp_path):
    """A file that asks to be shown turned clockwise: its red corner goes from left to right."""
    one, minus_one, w = (
        int(x).to_bytes(4, 'big') for x in (1 << 16, (1 << 32) - (1 << 16), 1 << 30)
    )
    zero = bytes(4)
    upright = one + zero * 3 + one + zero * 3 + w
    clockwise = zero + one + zero + minus_one + zero * 4 + w
    data = clip.read_bytes()
    header = data.index(b'tkhd')
    matrix = data.index(upright, header)
    (tmp_path / 'turned.mp4').write_bytes(data[:matrix] + clockwise + data[matrix + 36 :])
    source = VideoFrameSource(tmp_path / 'turned.mp4')
    assert source.ori_shape == (64, 48)
    (frame,) = source.decode(0, 1)
    assert frame.shape == (64, 48, 3)
    assert frame[2, -3, 0] > 150 > 80 > frame[2, -3, 2]
    assert frame[2, 2, 0] < 80


@pytest.mark.parametrize(
    ('name', 'codec', 'options'),
    [
        ('b.avi', 'libx264', {'bf': '2'}),  # packets without times
        ('b.h264', 'libx264', {'bf': '2'}),
        ('m.avi', 'mpeg4', {'bf': '2'}),  # seeking lands elsewhere
        ('m.mov', 'mpeg4', {'bf': '2'}),
        ('s.ts', 'libx264', {'bf': '2'}),
    ],
)
def test_files_without_times_or_ways_in_are_read(tmp_path, name, codec, options):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    path = tmp_path / name
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for t in range(9):
            picture = av.VideoFrame.from_ndarray(frame_with_number(3 * t), format='rgb24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = open_frame_source(path)
    assert len(source) == 9
    for start, stop in ((0, 9), (4, 6), (6, 9), (2, 3), (3, 5)):
        frames = [round(number_of(frame) / 3) for frame in source.decode(start, stop)]
        assert frames == list(range(start, stop))
