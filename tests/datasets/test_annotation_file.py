import json

import numpy as np
import pytest

from mmtmt.datasets import VideoInstanceDataset
from mmtmt.structures.packed_tube import PackedTube
from tests.datasets.tiny_set import to_rle


def read(tiny):
    return VideoInstanceDataset(ann_file=str(tiny.save()), name='tiny')


def video(tiny):
    return tiny.data['videos'][1]


def rename(tiny, name):
    video(tiny)['file_names'][2] = name


def annotation(tiny):
    return tiny.data['annotations'][1]


BROKEN = {
    'no videos': (lambda s: s.data.update(videos=[], annotations=[]), 'at least one video'),
    'length': (lambda s: video(s).update(length=9), 'video 20: length is 9, but there are 4 file'),
    'no frames': (lambda s: video(s).update(file_names=[]), 'video 20: .*at least one name'),
    'names': (lambda s: video(s).update(file_names=[1, 2, 3, 4]), 'video 20: .*file_names'),
    'parent': (lambda s: rename(s, 'a/../../b.png'), "got 'a/../../b.png'"),
    'absolute': (lambda s: rename(s, '/etc/passwd'), "got '/etc/passwd'"),
    'windows': (lambda s: rename(s, '..\\b.png'), 'inside the image'),
    'drive': (lambda s: rename(s, 'c:b.png'), 'inside the image folder'),
    'nul': (lambda s: rename(s, 'a\0.png'), 'inside the image folder'),
    'empty name': (lambda s: rename(s, ''), 'inside the image folder'),
    'video id': (lambda s: video(s).update(id='a'), r"videos\[1\]: expected an integer 'id'"),
    'same video': (lambda s: video(s).update(id=10), 'video 10: the id stands twice'),
    'height': (
        lambda s: video(s).update(height=-3),
        "video 20: expected an integer 'height' from 1",
    ),
    'huge': (lambda s: video(s).update(width=10**9), "'width' from 1 to 32768, got 1000000000"),
    'no width': (lambda s: video(s).pop('width'), "video 20: expected an integer 'width'"),
    'video': (lambda s: s.data['videos'].append(3), r'videos\[3\]: expected an object, got 3'),
    'unknown video': (
        lambda s: annotation(s).update(video_id=5),
        'annotation 1: there is no video 5',
    ),
    'unknown category': (
        lambda s: annotation(s).update(category_id=8),
        'annotation 1 of video 20: category id 8',
    ),
    'same annotation': (lambda s: annotation(s).update(id=0), 'annotation 0: the id stands twice'),
    'too few masks': (
        lambda s: annotation(s)['segmentations'].pop(),
        'annotation 1 of video 20: expected one segmentation per frame of the video, 4, got 3',
    ),
    'no masks': (
        lambda s: annotation(s).pop('segmentations'),
        'annotation 1 .*"segmentations", got N',
    ),
    'size': (
        lambda s: annotation(s).update(segmentations=[to_rle(np.ones((40, 24), bool))] * 4),
        r'annotation 1 of video 20: .*24 x 40 \(height x width\), got 40 x 24',
    ),
    'sizes': (
        lambda s: annotation(s)['segmentations'].__setitem__(3, to_rle(np.ones((40, 24), bool))),
        r'annotation 1: segmentations\[3\]: expected an RLE of size \[24, 40\]',
    ),
    'bomb': (
        lambda s: annotation(s).update(
            segmentations=[{'size': [10**5, 10**5], 'counts': [10**10]}] * 4
        ),
        r'annotation 1 of video 20: segmentations\[0\]: .* got size \[100000, 100000\]',
    ),
    'size of nothing': (
        lambda s: annotation(s)['segmentations'].__setitem__(0, {'size': None, 'counts': '0'}),
        r'segmentations\[0\]: expected an RLE of size \[24, 40\], got size None',
    ),
    'polygon': (
        lambda s: s.data['annotations'][3]['segmentations'].__setitem__(3, [[0, 0, 9**9, 0, 9, 9]]),
        r'annotation 5 of video 20: segmentations\[3\]: expected polygon coordinates',
    ),
    'endless number': (
        lambda s: s.data['annotations'][3]['segmentations'].__setitem__(3, [[0, 10**400] * 3]),
        r'annotation 5 of video 20: segmentations\[3\]: expected polygon .* got 1000000',
    ),
    'annotation': (
        lambda s: s.data['annotations'].append([]),
        r'annotations\[4\]: expected an object',
    ),
    'annotations': (lambda s: s.data.update(annotations={'a': 1}), 'expected a list "annotations"'),
    'no categories': (lambda s: s.data.pop('categories'), 'categories'),
    'burst': (
        lambda s: s.data.update(videos=None, sequences=[]),
        'a list "videos".*BURST in its own form, which is not read',
    ),
    'coco': (lambda s: s.data.update(videos=None, images=[]), r'a list "videos".*a COCO file\?'),
}


@pytest.mark.parametrize('breakage', BROKEN)
def test_broken_files_are_refused_by_name(tiny, breakage):
    change, message = BROKEN[breakage]
    change(tiny)
    with pytest.raises(ValueError, match=message) as error:
        read(tiny)
    assert 'train.json' in str(error.value)


def test_intact_file(tiny):
    """What `BROKEN` starts from."""
    assert len(read(tiny)) == 3


@pytest.mark.parametrize('nothing', [None, []])
def test_object_without_a_box_is_not_in_the_frame(tiny, nothing):
    annotation(tiny)['bboxes'] = [[2, 4, 12, 10], None, nothing, [11, 4, 12, 10]]
    fish = read(tiny).get_data_info(1)['instances'][0]['tube']
    assert fish.present.tolist() == [True, False, False, True]
    annotation(tiny)['bboxes'] = [None]  # tells nothing of frames
    assert read(tiny).get_data_info(1)['instances'][0]['tube'].present.tolist()[2]


@pytest.mark.parametrize(
    'text', ['', '{"videos": [', '[1]', '{}', 'null', '"a"', '[' * 10**5, '\xff']
)
def test_not_json_of_this_family(tmp_path, text):
    path = tmp_path / 'train.json'
    path.write_text(text, encoding='latin-1')
    with pytest.raises(ValueError, match='train.json'):
        VideoInstanceDataset(ann_file=str(path))


def test_half_a_file(tiny):
    text = json.dumps(tiny.data)
    path = tiny.save()
    for kept in range(0, len(text), 97):
        path.write_text(text[:kept])
        with pytest.raises(ValueError, match='train.json'):
            VideoInstanceDataset(ann_file=str(path))


def test_packed_tube_gives_back_every_frame():
    masks = [np.random.default_rng(i).random((8, 9)) > 0.5 for i in range(4)]
    tube = PackedTube.pack([to_rle(masks[0]), None, to_rle(masks[2], 'runs'), []], 8, 9)
    assert len(tube) == 4 and tube.present.tolist() == [True, False, True, False]
    assert tube.counts(0) == to_rle(masks[0])['counts'].encode()
    assert tube.rle(2) == {'size': [8, 9], 'counts': to_rle(masks[2])['counts'].encode()}
    assert tube.counts(1) is None and tube.rle(3) is None
