import gzip
import json
import tracemalloc
from functools import partial

import pytest

from mmtmt.datasets import statistics
from mmtmt.datasets.statistics import DatasetStatistics, find_leaks, read_statistics
from mmtmt.structures.json_stream import read_json_stream
from tests.datasets.tiny_set import TinySet, box_mask, to_rle


def test_counts_of_a_set(tmp_path):
    tiny = TinySet(tmp_path)
    empty = to_rle(box_mask(0, 0, 0, 0))
    tiny.annotate(9, 30, 3, [None, [], empty, to_rle(box_mask(0, 0, 0, 0), 'runs'), empty, None])
    found = read_statistics(tiny.save())
    # fish in 1 and in 3 frames, the duck in 1; one instance is never seen, one is a crowd
    assert (found.videos, found.frames, found.masks) == (3, 11, 5)
    assert found.lengths == (1, 11 / 3, 6)
    assert (found.instances, found.crowds) == (4, 1)
    assert (found.categories, found.used_categories) == (3, 3)
    assert found.per_category == {'fish': 2, 'duck': 1, 'boat': 1}
    assert found.masks_per_frame == 5 / 11 and found.objects_per_video == 4 / 3
    assert found.first_frames == ['v10/00000.png', 'v20/00000.png', 'v30/00000.png']
    assert 'first_frames' not in found.to_dict() and json.dumps(found.to_dict())


def test_hidden_annotations_and_gzip(tmp_path):
    tiny = TinySet(tmp_path)
    del tiny.data['annotations']
    path = tmp_path / 'valid.json.gz'
    path.write_bytes(gzip.compress(json.dumps(tiny.data).encode()))
    found = read_statistics(path)
    assert not found.annotated and found.videos == 3
    assert found.masks_per_frame is None and found.objects_per_video is None


def test_images_are_videos_of_one_frame(tmp_path):
    data = {
        'images': [{'id': 1, 'file_name': 'a.jpg'}, {'id': 2, 'file_name': 'b.jpg'}],
        'categories': [{'id': 1, 'name': 'cat'}],
        'annotations': [
            {'id': 1, 'image_id': 2, 'category_id': 1, 'segmentation': [[0, 0, 3, 0, 3, 3]]},
            {'id': 2, 'image_id': 2, 'category_id': 1, 'segmentation': {}, 'iscrowd': 1},
        ],
    }
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(data))
    found = read_statistics(path)
    assert (found.videos, found.lengths, found.instances, found.masks) == (2, (1, 1, 1), 1, 1)
    assert (found.crowds, found.first_frames) == (1, ['a.jpg', 'b.jpg'])


def one_mask(segmentation, category_id=1):
    """A file with one annotation, whose second mask this is."""
    annotation = {'id': 5, 'category_id': category_id, 'segmentations': [None, segmentation]}
    return {'videos': [], 'annotations': [annotation]}


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ({'categories': []}, r'expected "videos" or "images", got the keys \[.categories'),
        ({'videos': [3]}, '"videos": expected objects, got 3'),
        ({'videos': [{'id': 4}]}, 'video 4: expected a list of file names, got None'),
        ({'videos': [], 'annotations': [{'id': 5}]}, 'annotation 5: expected a list'),
        ({'categories': [{'id': [1]}]}, r'"categories": expected an integer .id., got \[1\]'),
        (one_mask({}, category_id={}), "annotation 5: expected an integer 'category_id', got {}"),
        (one_mask('mask'), r"annotation 5: segmentations\[1\]: expected an RLE .* got 'mask'"),
        (one_mask({'size': None, 'counts': '0'}), r'segmentations\[1\]: expected an RLE with size'),
        (one_mask({'size': ['a', 'b'], 'counts': '0'}), r'segmentations\[1\]: expected an RLE'),
        (one_mask({'size': [-1, -1], 'counts': '0'}), r'segmentations\[1\]: .* got -1 x -1'),
        (one_mask({'size': [10**20] * 2, 'counts': '0'}), r'segmentations\[1\]: expected frames'),
        (one_mask({'size': [4, 4], 'counts': 'o'}), r'segmentations\[1\]: RLE counts are cut'),
        (one_mask({'size': [4, 4], 'counts': 'PP1'}), r'segmentations\[1\]: expected an RLE'),
        (one_mask({'size': [4, 4], 'counts': [10**9]}), r'segmentations\[1\]: expected run len'),
    ],
)
def test_files_of_another_form_are_named(tmp_path, data, message):
    path = tmp_path / 'bad.json'
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message) as error:
        read_statistics(path)
    assert str(path) in str(error.value)


def test_memory_does_not_grow_with_the_masks(tmp_path, monkeypatch):
    rle = {'size': [480, 640], 'counts': 'x' * 1000}
    data = {
        'videos': [{'id': i, 'file_names': [f'v{i}/0.jpg'] * 30} for i in range(400)],
        'annotations': [
            {'id': i, 'video_id': i, 'category_id': 1, 'segmentations': [rle] * 30}
            for i in range(400)
        ],
    }
    path = tmp_path / 'large.json'
    path.write_text(json.dumps(data))
    assert path.stat().st_size > 12e6
    monkeypatch.setattr(statistics, 'read_json_stream', partial(read_json_stream, chunk=2**16))
    tracemalloc.start()
    found = read_statistics(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.masks == 12_000
    assert peak < 2e6


def videos(*folders):
    frames = [f'{folder}/00000.jpg' for folder in folders]
    return DatasetStatistics(file='', first_frames=frames, videos=len(folders))


def test_leaks_are_found_by_the_name_of_the_folder():
    train = [('a', videos('train/x', 'train/y')), ('b', videos('u', 'v'))]
    valid = [('a', videos('valid/w')), ('b', videos('y', 'v', 'x', 'z'))]
    leaks = find_leaks(train, valid)
    assert [(leak.train, leak.valid, leak.shared, leak.videos) for leak in leaks] == [
        ('a', 'b', ['x', 'y'], 4),
        ('b', 'b', ['v'], 4),
    ]


def test_folders_that_are_called_alike_are_told_apart_by_their_path():
    train = [('a', videos('one/img1', 'two/img1'))]
    assert find_leaks(train, [('b', videos('three/img1'))]) == []
    assert find_leaks(train, [('b', videos('all/two/img1'))])[0].shared == ['two']
    train = [('a', videos('one/day', 'two/day', 'two/night'))]
    assert find_leaks(train, [('b', videos('three/day'))]) == []
    assert find_leaks(train, [('b', videos('two/day'))])[0].shared == ['two/day']


@pytest.mark.parametrize('folder', ['', 'frames/'])
def test_a_folder_of_all_videos_is_none_that_two_splits_share(folder):
    train = DatasetStatistics(file='', first_frames=[f'{folder}a_0.jpg', f'{folder}b_0.jpg'])
    valid = DatasetStatistics(file='', first_frames=[f'{folder}c_0.jpg'])
    assert find_leaks([('a', train)], [('b', valid)]) == []
    valid.first_frames.append(f'{folder}b_0.jpg')
    assert find_leaks([('a', train)], [('b', valid)])[0].shared == [f'{folder}b_0.jpg']


def test_frames_that_are_called_alike_in_other_folders_are_no_leak():
    train = DatasetStatistics(file='', first_frames=['train/000001.jpg', 'train/000002.jpg'])
    valid = DatasetStatistics(file='', first_frames=['val/000001.jpg', 'val/000002.jpg'])
    assert find_leaks([('a', train)], [('b', valid)]) == []


def test_a_video_without_a_folder_goes_by_its_first_frame_and_the_others_by_folders():
    train = DatasetStatistics(file='', first_frames=['x.jpg', 'train/y/0.jpg', 'train/z/0.jpg'])
    valid = DatasetStatistics(file='', first_frames=['valid/y/9.jpg', 'x.jpg', 'w.jpg'])
    assert find_leaks([('a', train)], [('b', valid)])[0].shared == ['x.jpg', 'y']
    flat = DatasetStatistics(file='', first_frames=['all/a_0.jpg', 'all/b_0.jpg', 'x.jpg'])
    valid = DatasetStatistics(file='', first_frames=['all/c_0.jpg', 'y.jpg'])
    assert find_leaks([('a', flat)], [('b', valid)]) == []


def test_parts_of_a_video_in_two_splits_are_a_leak():
    train = DatasetStatistics(file='', first_frames=['v/0.jpg', 'v/100.jpg', 'w/0.jpg'])
    for others in (['x/0.jpg'], ['v/300.jpg']):
        valid = DatasetStatistics(file='', first_frames=['v/200.jpg', *others])
        assert find_leaks([('a', train)], [('b', valid)])[0].shared == ['v']
