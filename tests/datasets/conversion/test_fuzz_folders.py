"""Whatever stands in label images, text files and exports of tools: read, or refused by name."""

import base64
import io
import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmtmt.datasets.conversion import (
    CVATReader,
    DAVISReader,
    LabelMeReader,
    MOTSImageReader,
    MOTSTextReader,
)
from tests.datasets.conversion.test_cvat import TASK, TRACKS
from tests.datasets.hostile import cut, holds, json_files, reads_or_names
from tests.datasets.tiny_set import box_mask, to_rle

HEIGHT, WIDTH = 12, 16


def png(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, 'PNG')
    return stream.getvalue()


def claiming(data, height, width, depth=8, colour=0):
    """A PNG file whose header says something else, with the right checksum."""
    fields = [n.to_bytes(4, 'big') for n in (width, height)] + [bytes([depth, colour, 0, 0, 0])]
    header = b'IHDR' + b''.join(fields)
    return data[:12] + header + zlib.crc32(header).to_bytes(4, 'big') + data[33:]


LABELS = (2 * box_mask(2, 3, 8, 9, HEIGHT, WIDTH)).astype(np.uint8)
NUMBERS = (1002 * box_mask(2, 3, 8, 9, HEIGHT, WIDTH)).astype(np.uint16)


@pytest.fixture
def clip(tmp_path):
    """Two frames, and two annotation files beside each other."""
    for t in range(2):
        for folder in ('frames/clip', 'labels/clip'):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (WIDTH, HEIGHT)).save(tmp_path / f'frames/clip/{t:05d}.png')
    return tmp_path


def fuzz(clip, files, reader, name, **more):
    """Put fuzzed bytes in the place of a file, and read all."""
    path = clip / name

    def read(path):
        folders = {'source': clip / 'labels', 'frames': clip / 'frames'}
        return list(reader(**folders, **more).videos())

    @given(files)
    def check(data):
        path.write_bytes(data)
        # What doesn't fit the folder's other files is named by their folder.
        for video in reads_or_names(read, path, str(path.parent)) or ():
            assert all(len(track.tube) == len(video.file_names) for track in video.tracks)

    holds(check)


def images(good):
    """Bytes of label images that are not quite right."""
    dimension = st.sampled_from([0, 1, HEIGHT, WIDTH, 2**13, 2**15, 2**31 - 1, 2**32 - 1])
    return st.one_of(
        cut(good),
        st.builds(claiming, st.just(good), dimension, dimension,
                  st.sampled_from([0, 1, 8, 16]), st.sampled_from([0, 2, 3, 4, 6, 9])),
        st.builds(lambda values, dtype: png(np.resize(np.array(values, dtype), (HEIGHT, WIDTH))),
                  st.lists(st.integers(0, 255), min_size=1, max_size=40),
                  st.sampled_from(['uint8', 'uint16', 'bool'])),
        st.sampled_from([b'', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 12\n', b'BM' * 40]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ('reader', 'good', 'more'),
    [(DAVISReader, LABELS, {}), (MOTSImageReader, NUMBERS, {'classes': ['cat', 'dog']})],
    ids=['davis', 'mots'],
)
def test_label_images(clip, reader, good, more):
    (clip / 'labels/clip/00000.png').write_bytes(png(good))
    fuzz(clip, images(png(good)), reader, 'labels/clip/00001.png', **more)


def test_categories_of_davis(clip):
    (clip / 'labels/clip/00000.png').write_bytes(png(LABELS))
    meta = {'videos': {'clip': {'objects': {'2': {'category': 'cat'}}}}}
    fuzz(clip, json_files(meta), DAVISReader, 'labels/meta.json')


def test_mots_text(clip):
    counts = to_rle(box_mask(2, 3, 8, 9, HEIGHT, WIDTH))['counts']
    words = ['0', '1', '2', '1001', '10000', '1', '12', '16', '999999999', '9' * 40, '-1', '1.5',
             counts, 'PPPPPPPPP1', '0', 'o', '\u00e9', '\u0661', '\udc80', '', '32768']  # fmt: skip
    good = f'0 1001 1 {HEIGHT} {WIDTH} {counts}'.split()
    line = st.builds(
        lambda index, word: ' '.join([*good[:index], word, *good[index + 1 :]]),
        st.integers(0, 6), st.sampled_from(words),
    )  # fmt: skip
    lines = st.lists(line, max_size=4).map(
        lambda lines: '\n'.join(lines).encode('utf-8', 'surrogatepass')
    )
    fuzz(clip, st.one_of(lines, lines.flatmap(cut)), MOTSTextReader, 'labels/clip.txt')


def mask_shape(data):
    return {'label': 'c', 'shape_type': 'mask', 'points': [[2, 3], [9, 8]],
            'mask': base64.b64encode(data).decode()}  # fmt: skip


def test_labelme(clip):
    patch = png(np.ones((5, 7), bool))
    shapes = [
        {'label': 'a', 'points': [[1, 1], [9, 1], [9, 9]], 'shape_type': 'polygon'},
        {'label': 'b', 'points': [[1, 1], [9, 9]], 'shape_type': 'rectangle', 'group_id': 3},
        {'label': 'b', 'points': [[5, 5], [5, 9]], 'shape_type': 'circle', 'group_id': 4},
        mask_shape(patch),
    ]
    document = {'imageHeight': HEIGHT, 'imageWidth': WIDTH, 'shapes': shapes}
    masks = st.one_of(
        cut(patch),
        st.builds(claiming, st.just(patch), st.sampled_from([0, 5, 2**15, 2**31]),
                  st.sampled_from([0, 7, 2**15]), st.just(8), st.sampled_from([0, 2, 6])),
    ).map(lambda data: json.dumps({'shapes': [mask_shape(data)]}).encode())  # fmt: skip
    files = st.one_of(json_files(document), json_files(document), masks)
    fuzz(clip, files, LabelMeReader, 'labels/clip/00001.json')


NUMBER = ['', '-1', '0', '1', '3', '99', '999999999', '1e5', 'nan', '-inf', '9' * 400, '\u0661']


@st.composite
def cvat_files(draw):
    """An export with some numbers and words of it replaced."""
    text = TASK.format(tracks=TRACKS, size=4, start=0, stop=3, filter='')
    for _ in range(draw(st.integers(1, 3))):
        parts = text.split('"')
        if draw(st.booleans()) and len(parts) > 3:
            index = 1 + 2 * draw(st.integers(0, len(parts) // 2 - 1))
            parts[index] = draw(st.sampled_from([*NUMBER, '1,2;3', '0, 9', '1000000000', 'clip']))
            text = '"'.join(parts)
        else:
            old, new = draw(st.sampled_from([
                ('<start_frame>0', '<start_frame>3'), ('<stop_frame>3', '<stop_frame>999999999'),
                ('<stop_frame>3', '<stop_frame>-3'), ('<frame_filter>', '<frame_filter>step=2'),
                ('<frame_filter>', '<frame_filter>step=0'), ('clip.mp4', '../../clip.mp4'),
                ('<height>40', '<height>\u0664'), ('</track>', ''), ('<track', '<image'),
                ('<polygon', '<cuboid'), ('<annotations>', '<!DOCTYPE a><annotations>'),
                ('utf-8', 'utf-16'), ('utf-8', 'rot13'), ('my task', '/etc'), ('box', '\ud800'),
            ]))  # fmt: skip
            text = text.replace(old, new)
    data = text.encode('utf-8', 'surrogatepass')
    return draw(cut(data)) if draw(st.integers(0, 4)) == 0 else data


def test_cvat(clip):
    for t in range(4):
        Image.new('RGB', (60, 40)).save(clip / f'frames/clip/{t:05d}.png')
    fuzz(clip, cvat_files(), CVATReader, 'labels/clip.xml')
