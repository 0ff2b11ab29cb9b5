"""Mistakes in sets of label images and text files; each error names its file."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmtmt.datasets.conversion import (
    ConversionError,
    DAVISReader,
    MOTSImageReader,
    MOTSTextReader,
    convert,
)
from mmtmt.datasets.conversion.davis import DAVISWriter
from mmtmt.datasets.conversion.files import frames_of_files

HEIGHT, WIDTH = 10, 12


@pytest.fixture
def clip(tmp_path):
    for t in range(3):
        for folder in ('frames/clip', 'labels/clip'):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (WIDTH, HEIGHT)).save(tmp_path / f'frames/clip/{t:06d}.jpg')
    labels(tmp_path, 0, [(1, 0, 4), (2, 6, 9)])
    labels(tmp_path, 2, [(2, 5, 9), (255, 0, 1)])
    return tmp_path


def labels(root, t, bands, dtype=np.uint8):
    image = np.zeros((HEIGHT, WIDTH), dtype)
    for value, left, right in bands:
        image[:, left:right] = value
    Image.fromarray(image).save(root / f'labels/clip/{t:06d}.png')


def read(root, reader=DAVISReader, **more):
    (video,) = reader(source=root / 'labels', frames=root / 'frames', **more).videos()
    return video


def test_davis_takes_annotated_frames_and_leaves_void_out(clip):
    video = read(clip, category='animal')
    assert video.file_names == ['clip/000000.jpg', 'clip/000002.jpg']
    assert [(t.track_id, t.category) for t in video.tracks] == [(1, 'animal'), (2, 'animal')]
    assert [[rle is not None for rle in t.tube] for t in video.tracks] == [
        [True, False],
        [True, True],
    ]
    assert len(read(clip, void=0).tracks) == 3


def test_what_has_no_annotations_is_counted(clip):
    (clip / 'frames/other').mkdir()
    Image.new('RGB', (WIDTH, HEIGHT)).save(clip / 'frames/other/0.jpg')
    reader = DAVISReader(source=clip / 'labels', frames=clip / 'frames')
    list(reader.videos())
    assert +reader.notes == {
        'videos without annotations left out': 1,
        'frames without annotations left out': 1,
        'masks of pixels to be ignored left out': 1,
    }
    chosen = DAVISReader(source=clip / 'labels', frames=clip / 'frames', videos=['clip'])
    assert not +chosen.notes
    (clip / 'text').mkdir()
    (clip / 'text/clip.txt').write_text('')
    assert sum(MOTSTextReader(source=clip / 'text', frames=clip / 'frames').notes.values()) == 1


def test_a_file_belongs_to_the_frame_of_its_name():
    frames = [Path(name) for name in ('1.jpg', '2.jpg', '2.png', '10.jpg')]
    files = [Path('labels', name) for name in ('10.png', '2.png')]
    assert frames_of_files(frames, files) == [frames[3], frames[1]]


def test_davis_takes_categories_of_youtube_vos(clip):
    meta = {'videos': {'clip': {'objects': {'1': {'category': 'ape'}, '2': {'category': 'cat'}}}}}
    (clip / 'meta.json').write_text(json.dumps(meta))
    assert [t.category for t in read(clip).tracks] == ['ape', 'cat']
    del meta['videos']['clip']['objects']['2']
    (clip / 'meta.json').write_text(json.dumps(meta))
    with pytest.raises(ConversionError, match="meta.json: .* object 2 of video 'clip'"):
        read(clip)
    (clip / 'meta.json').write_text('{"videos": 3}')
    with pytest.raises(ConversionError, match='meta.json: expected'):
        read(clip)


def test_broken_label_images(clip):
    path = clip / 'labels/clip/000002.png'
    Image.new('RGB', (WIDTH, HEIGHT)).save(path)
    with pytest.raises(ConversionError, match='000002.png: .*turned numbers into colours'):
        read(clip)
    Image.new('L', (WIDTH, HEIGHT + 1)).save(path)
    with pytest.raises(ConversionError, match=r'000002.png: expected 10 x 12 .* got 11 x 12'):
        read(clip)
    for kept in (0, 20, 45):
        labels(clip, 2, [(1, 0, 3)])
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(ConversionError, match='000002.png'):
            read(clip)
    labels(clip, 2, [(255, 0, 3)])
    labels(clip, 0, [(255, 0, 3)])
    with pytest.raises(ConversionError, match='clip: every pixel is 0 or 255.*--void'):
        read(clip)
    path.rename(path.with_stem('000009'))
    with pytest.raises(ConversionError, match="000009.png: expected a frame '000009'"):
        read(clip)


def test_label_images_of_one_bit_have_one_object(clip):
    for t in (0, 2):
        path = clip / f'labels/clip/{t:06d}.png'
        Image.fromarray(np.eye(HEIGHT, WIDTH, dtype=bool)).save(path)
    (track,) = read(clip).tracks
    assert type(track.track_id) is int and track.track_id == 1


def test_label_images_have_the_size_of_their_frames(clip):
    for t in range(3):
        Image.new('RGB', (2 * WIDTH, 2 * HEIGHT)).save(clip / f'frames/clip/{t:06d}.jpg')
    with pytest.raises(ConversionError, match='000000.png: expected 20 x 24 .* got 10 x 12'):
        read(clip)


def test_missing_folders(clip):
    with pytest.raises(ConversionError, match="no folder 'nope'"):
        DAVISReader(source=clip / 'labels', frames=clip / 'frames', videos=['nope'])
    with pytest.raises(ConversionError, match='nowhere: expected a folder'):
        DAVISReader(source=clip / 'nowhere', frames=clip / 'frames')
    with pytest.raises(ConversionError, match='clip: expected one folder per video'):
        DAVISReader(source=clip / 'labels/clip', frames=clip / 'frames')
    with pytest.raises(ConversionError, match='clip: expected a folder'):
        list(DAVISReader(source=clip / 'labels', frames=clip / 'nowhere').videos())


def test_size_bombs_are_refused_by_their_header(clip):
    path = clip / 'labels/clip/000002.png'
    data = bytearray(path.read_bytes())
    data[16:24] = (60000).to_bytes(4, 'big') * 2
    path.write_bytes(data)
    with pytest.raises(ConversionError, match='000002.png'):
        read(clip)


def test_mots_numbers_must_have_a_class(clip):
    for t in (0, 2):
        labels(clip, t, [(1001, 0, 4), (2003, 5, 9)], np.uint16)
    assert [t.category for t in read(clip, MOTSImageReader).tracks] == ['car', 'pedestrian']
    (clip / 'labels/labels.txt').write_text('cat\ndog\n')
    assert [t.category for t in read(clip, MOTSImageReader).tracks] == ['cat', 'dog']
    with pytest.raises(ConversionError, match='class 1 to 1 .cat., got number 2003'):
        read(clip, MOTSImageReader, classes=['cat'])
    with pytest.raises(ConversionError, match='1 to 9 classes, got 10'):
        read(clip, MOTSImageReader, classes=list('abcdefghij'))


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('1 2005 2 10 12', 'clip.txt:2: expected "frame id class'),
        ('x 2005 2 10 12 abc', 'clip.txt:2: expected "frame id class'),
        ('9 2005 2 10 12 P3', 'clip.txt:2: there is no frame with the number 9'),
        ('1 2005 1 10 12 P3', 'clip.txt:2: object 2005 is not of class 1'),
        ('1 2005 2 11 12 P3', 'clip.txt:2: .*10 x 12 .height x width., got 11 x 12'),
        ('1 2005 2 10 12 zz', 'clip.txt:2: '),
        ('1 2005 2 10 12 P3', 'clip.txt:2: expected an RLE that covers'),
        ('99999999999 1 1 1 1 P', 'clip.txt:2: expected smaller numbers'),
    ],
)
def test_mots_lines(clip, line, message):
    (clip / 'txt').mkdir()
    (clip / 'txt/clip.txt').write_text(f'\n{line}\n')
    reader = MOTSTextReader(source=clip / 'txt', frames=clip / 'frames')
    with pytest.raises(ConversionError, match=message):
        list(reader.videos())


def test_names_that_leave_the_folder_are_not_written(clip):
    reader = DAVISReader(source=clip / 'labels', frames=clip / 'frames')
    videos = list(reader.videos())
    videos[0].name = '../escape'
    reader.videos = lambda: iter(videos)
    with pytest.raises(ConversionError, match='that can name files'):
        convert(reader, DAVISWriter(out=clip / 'out'))
    assert not (clip / 'escape').exists() and not (clip / 'out').exists()
