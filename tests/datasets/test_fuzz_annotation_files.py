"""Whatever stands in an annotation file: it is read, or refused by name, in little memory."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmtmt.datasets import CocoPseudoVideoDataset, VideoInstanceDataset
from mmtmt.datasets.annotation_file import is_safe_name
from mmtmt.datasets.checking import check_dataset, is_usable
from mmtmt.datasets.conversion import COCOVideoReader, YouTubeVISReader
from mmtmt.datasets.statistics import read_statistics
from mmtmt.datasets.transforms.loading import resolve_frame
from mmtmt.structures.images import FrameError, read_image
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.taxonomy import load_vocabulary
from tests.datasets.hostile import holds, json_files, reads_or_names
from tests.datasets.tiny_set import HEIGHT, WIDTH, TinySet, box_mask, to_rle

PIPELINE = [{'type': 'SampleClip', 'num_frames': 2}, *({'type': t} for t in (
    'LoadClip', 'LoadTubes', 'PackClip'))]  # fmt: skip
VIDEO_OF_IMAGE = {'id': 1, 'height': HEIGHT, 'width': WIDTH, 'file_name': 'v20/00000.png'}
OBJECT = {
    'id': 1, 'image_id': 1, 'category_id': 7, 'iscrowd': 0, 'bbox': [4, 3, 8, 6], 'area': 48,
    'segmentation': to_rle(box_mask(3, 4, 9, 12)),
}  # fmt: skip


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """A set of two videos with everything that a file may say, and frames."""
    tiny = TinySet(tmp_path_factory.mktemp('hostile'))
    tiny.data['videos'] = tiny.data['videos'][:2]
    tiny.data['videos'][1]['length'] = 4
    for annotation in tiny.data['annotations']:
        annotation['id'] += 1
    tiny.data['annotations'][1]['bboxes'] = [[2, 4, 12, 10], None, [8, 4, 12, 10], [11, 4, 12, 10]]
    tiny.data['annotations'][1]['areas'] = [120, None, 120, 120]
    return tiny


@pytest.fixture
def images():
    second = {**OBJECT, 'id': 2, 'segmentation': [[1, 1, 9, 1, 9, 9]]}
    return {
        'images': [VIDEO_OF_IMAGE, {**VIDEO_OF_IMAGE, 'id': 2, 'file_name': 'v20/00001.png'}],
        'annotations': [OBJECT, second],
        'categories': [{'id': 7, 'name': 'fish'}, {'id': 3, 'name': 'boat'}],
    }


@pytest.fixture
def coco_video(images):
    for frame, image in enumerate(images['images']):
        image.update(video_id=1, frame_id=frame)
    for annotation in images['annotations']:
        annotation.update(video_id=1, instance_id=annotation['id'])
    return {**images, 'videos': [{'id': 1, 'name': 'v20', 'height': HEIGHT, 'width': WIDTH}]}


def build(path, root, kind=VideoInstanceDataset):
    return kind(
        ann_file=str(path),
        name='hostile-set',
        vocabulary=None,
        data_prefix={'img': str(root / 'frames')},
        pipeline=PIPELINE,
    )


def dataset_reader(root, kind=VideoInstanceDataset):
    """Reads a file and every clip of it; errors in clips name the set."""

    def read(path):
        dataset = build(path, root, kind)
        for index in range(len(dataset)):
            reads_or_names(lambda path, index=index: dataset[index], path, 'hostile-set, video ')
        return dataset

    return read


def fuzz(document, root, read, *names):
    @given(json_files(document))
    def check(data):
        path = root / 'fuzzed.json'
        path.write_bytes(data)
        reads_or_names(read, path, *names)

    holds(check)


def test_dataset_reader(small):
    fuzz(small.data, small.root, dataset_reader(small.root))


def test_reader_of_images(small, images):
    fuzz(images, small.root, dataset_reader(small.root, CocoPseudoVideoDataset))


def test_statistics(small):
    fuzz(small.data, small.root, read_statistics)


def test_statistics_of_images(small, images):
    fuzz(images, small.root, read_statistics)


def test_vocabulary(small):
    fuzz({'categories': small.data['categories'], 'name': 'a'}, small.root, load_vocabulary)


def test_converter_from_ytvis(small):
    fuzz(small.data, small.root, lambda path: list(YouTubeVISReader(source=path).videos()))


def test_converter_from_coco_video(small, coco_video):
    fuzz(coco_video, small.root, lambda path: list(COCOVideoReader(source=path).videos()))


def test_checker_ends_with_a_report_and_its_copy_can_be_read(small):
    path = small.root / 'fuzzed.json'
    fixed = small.root / 'fixed.json'

    @given(json_files(small.data))
    def check(data):
        path.write_bytes(data)
        content = reads_or_names(read_json_stream, path)
        if content is None:
            return
        report, repaired = check_dataset(content, small.root / 'frames')
        assert report.text(9, changes=True).encode() and json.dumps(report.to_json())
        if is_usable(repaired):
            fixed.write_text(json.dumps(repaired))
            if repaired.get('annotations') is None:
                YouTubeVISReader(source=fixed)
                return
            dataset = build(fixed, small.root)
            for index in range(len(dataset)):
                assert dataset[index]['inputs'].shape[0] == 2

    holds(check)


PARTS = ['..', '.', '', 'v20', '00000.png', 'out', 'back', '/', '\\', '\u732b', 'c:', '~', '\0']


@pytest.fixture
def linked(small):
    """Links that lead out of the folder of frames, and one that leads back in."""
    secret = small.root / 'secret.png'
    if not secret.exists():
        secret.write_bytes((small.root / 'frames/v20/00000.png').read_bytes())
        (small.root / 'frames/out').symlink_to(small.root)
        (small.root / 'frames/back').symlink_to(small.root / 'frames/v20')
        (small.root / 'frames/round').symlink_to(small.root / 'frames/round')
    return small.root / 'frames'


def test_no_name_leads_out_of_the_folder(linked):
    @given(st.lists(st.sampled_from([*PARTS, 'round', 'secret.png']), max_size=6).map('/'.join))
    def check(name):
        if not is_safe_name(name):
            return
        try:
            path = resolve_frame(str(linked), name)
        except (FrameError, ValueError):
            return
        assert path == str(linked) or path.startswith(f'{linked}/')

    holds(check, examples=300)
    assert read_image(resolve_frame(str(linked), 'back/00000.png')).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(FrameError, match='got a link to'):
        resolve_frame(str(linked), 'out/secret.png')
