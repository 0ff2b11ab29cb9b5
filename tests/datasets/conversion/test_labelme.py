"""LabelMe files as the tool writes them, and mistakes in them."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_api

from mmtmt.datasets.conversion import ConversionError, LabelMeReader

HEIGHT, WIDTH = 40, 60


def shape(label, points, shape_type='polygon', group_id=None, **more):
    return {
        'label': label,
        'points': points,
        'group_id': group_id,
        'shape_type': shape_type,
        'flags': {},
        'description': '',
        **more,
    }


def square(left, top, size=10):
    right, bottom = left + size, top + size
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


@pytest.fixture
def clip(tmp_path):
    """Four frames, of which the first and third are annotated."""
    folder = tmp_path / 'clip'
    folder.mkdir()
    for t in range(4):
        Image.new('RGB', (WIDTH, HEIGHT)).save(folder / f'{t}.jpg')

    def annotate(t, *shapes, **more):
        data = {
            'version': '5.5.0',
            'flags': {},
            'shapes': list(shapes),
            'imagePath': f'{t}.jpg',
            'imageData': None,
            'imageHeight': HEIGHT,
            'imageWidth': WIDTH,
            **more,
        }
        (folder / f'{t}.json').write_text(json.dumps(data))

    annotate(0, shape('cat', square(2, 2)), shape('dog', square(20, 5), group_id=1))
    annotate(2, shape('dog', square(22, 5), group_id=1), shape('dog', square(40, 20), group_id=2))
    return tmp_path, annotate


def read(root):
    (video,) = LabelMeReader(source=root, frames=root).videos()
    return video


def masks(track):
    return [None if rle is None else mask_api.decode(rle).astype(bool) for rle in track.tube]


def test_labels_and_groups_make_tracks(clip):
    video = read(clip[0])
    assert (video.name, video.height, video.width) == ('clip', HEIGHT, WIDTH)
    assert video.file_names == ['clip/0.jpg', 'clip/2.jpg']
    assert [(t.category, [m is not None for m in t.tube]) for t in video.tracks] == [
        ('cat', [True, False]),
        ('dog', [True, True]),
        ('dog', [False, True]),
    ]
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[5:15, 20:30] = True
    assert (masks(video.tracks[1])[0] == expected).all()


def test_spellings_of_a_label_and_types_of_a_group_are_one_object(clip):
    root, annotate = clip
    annotate(0, shape('Sea_lion', square(2, 2)), shape('Dog', square(20, 5), group_id=1))
    annotate(2, shape('sea lion', square(4, 2)), shape('dog', square(22, 5), group_id='1'))
    (root / 'clip').rename(root / 'a')
    shutil.copytree(root / 'a', root / 'b')
    annotated = root / 'b/0.json'
    annotated.write_text(annotated.read_text().replace('Dog', 'DOG'))
    for video in LabelMeReader(source=root, frames=root).videos():
        assert [(t.category, [m is not None for m in t.tube]) for t in video.tracks] == [
            ('Sea_lion', [True, True]),
            ('Dog', [True, True]),
        ]


def test_every_shape_with_an_area(clip):
    root, annotate = clip
    patch = np.zeros((8, 6), bool)
    patch[2:, 1:4] = True
    png = io.BytesIO()
    Image.fromarray(patch).save(png, 'PNG')
    annotate(
        0,
        shape('box', [[30, 20], [10, 5]], 'rectangle'),
        shape('ball', [[30, 20], [40, 20]], 'circle'),
        shape(
            'patch', [[56, 35], [61, 42]], 'mask', mask=base64.b64encode(png.getvalue()).decode()
        ),
        shape('two', square(0, 0), group_id=3),
        shape('two', square(30, 0), group_id=3),
    )
    box, ball, patched, two = read(root).tracks[:4]
    assert masks(box)[0].sum() == 15 * 20 and masks(box)[0][5:20, 10:30].all()
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    exact = (x - 30) ** 2 + (y - 20) ** 2 <= 100
    assert (masks(ball)[0] != exact).sum() < 40 and abs(masks(ball)[0].sum() - exact.sum()) < 25
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[35:40, 56:60] = patch[:5, :4]
    assert (masks(patched)[0] == expected).all()
    assert masks(two)[0].sum() == 200


MISTAKES = {
    'twice': (
        [shape('cat', square(0, 0)), shape('cat', square(20, 20))],
        r"shapes\[1\] \('cat'\).*group_id",
    ),
    'line': ([shape('cat', [[0, 0], [9, 9]], 'line')], r"shapes\[0\].*got a 'line'"),
    'two points': ([shape('cat', [[0, 0], [9, 9]])], 'at least 3 points, got 2'),
    'far': ([shape('cat', [[0, 0], [9, 9], [1e5, 1]])], 'within -120..120'),
    'no points': ([shape('cat', 'x')], 'expected points'),
    'nan': ([shape('cat', [[float('nan'), 0], [1, 1], [2, 2]])], 'expected points'),
    'spelt otherwise': (
        [shape('cat', square(0, 0)), shape('Cat', square(20, 20))],
        r"shapes\[1\] \('Cat'\).*group_id",
    ),
    'blank label': ([shape(' ', square(0, 0))], 'must hold a visible character'),
    'no label': ([{'points': []}], 'an object with a label'),
    'mask': ([shape('cat', square(0, 0)[:2], 'mask', mask='###')], 'a PNG in base64'),
    'mask type': ([shape('cat', square(0, 0)[:2], 'mask')], 'base64 text, got None'),
    'group': ([shape('cat', square(0, 0), group_id=[1])], r'expected a group_id, got \[1\]'),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_mistakes_name_file_and_shape(clip, mistake):
    root, annotate = clip
    shapes, message = MISTAKES[mistake]
    annotate(2, *shapes)
    with pytest.raises(ConversionError, match=message) as error:
        read(root)
    assert '2.json' in str(error.value)


def test_other_mistakes(clip):
    root, annotate = clip
    annotate(2, imageHeight=80)
    with pytest.raises(ConversionError, match='2.json: drawn on an image of 80 x 60'):
        read(root)
    (root / 'clip/2.json').write_text('{"shapes": [')
    with pytest.raises(ConversionError, match='2.json: not a readable json file'):
        read(root)
    annotate(2)
    (root / 'clip/2.json').rename(root / 'clip/7.json')
    with pytest.raises(ConversionError, match="7.json: expected a frame '7'"):
        read(root)


def test_links_out_of_the_folder_are_refused(clip, tmp_path_factory):
    root, annotate = clip
    secret = tmp_path_factory.mktemp('elsewhere') / 'secret.json'
    secret.write_text('{"shapes": []}')
    (root / 'clip/2.json').unlink()
    (root / 'clip/2.json').symlink_to(secret)
    with pytest.raises(OSError, match='got a link to'):
        read(root)
