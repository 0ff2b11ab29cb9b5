"""Every kind of problem is found where it is, and mended in the repaired copy."""

import copy
import json

import cv2
import numpy as np
import pytest

from mmtmt.datasets import VideoInstanceDataset
from mmtmt.datasets.checking import KINDS, check_dataset, is_usable
from tests.datasets.checking.breakages import BREAKAGES, fish, frame_path, video, write_image
from tests.datasets.tiny_set import HEIGHT, WIDTH, TinySet, box_mask

# Kinds that only a person can mend, or that are none of the file.
LEFT = {
    'repeated-frame',
    'frame-order',
    'split-leak',
    'overlap',
    'unused-category',
    'unannotated-video',
    'unused-frames',
    'polygon-outside',
    'polygon-normalised',
}


@pytest.fixture
def sound(tiny):
    """A set without errors and warnings: boxes and areas there, ids from 1."""
    for annotation in tiny.data['annotations']:
        annotation['id'] += 1
    annotation = tiny.data['annotations'][1]
    annotation['bboxes'] = [[2, 4, 12, 10], None, [8, 4, 12, 10], [11, 4, 12, 10]]
    annotation['areas'] = [120, None, 120, 120]
    annotation['occlusion'] = ['no', None, 'no', 'slight']
    return tiny


def check(tiny, **more):
    return check_dataset(copy.deepcopy(tiny.data), tiny.root / 'frames', **more)


def test_sound_set(sound):
    report, repaired = check(sound)
    assert report.clean and {p.kind for p in report} == {
        'overlap',
        'unused-category',
        'unannotated-video',
    }
    assert report.counts == {'videos': 3, 'frames': 11, 'objects': 4, 'masks': 9}
    for before, after in zip(sound.data['annotations'], repaired['annotations']):
        assert before == after
    assert [v['file_names'] for v in repaired['videos']] == [
        v['file_names'] for v in sound.data['videos']
    ]


@pytest.mark.parametrize('breakage', BREAKAGES)
def test_problem_is_named_and_mended(sound, breakage):
    kind, change, where, remaining = BREAKAGES[breakage]
    change(sound)
    report, repaired = check(sound)
    found = [problem for problem in report if problem.kind == kind]
    assert [problem.where for problem in found] == [where]
    assert KINDS[kind][0] in ('error', 'warning') and not report.clean
    assert len(repaired['annotations']) == remaining
    again, _ = check_dataset(repaired, sound.root / 'frames')
    assert {problem.kind for problem in again} <= LEFT
    if kind not in LEFT:
        assert found[0].change
    path = sound.root / 'repaired.json'
    path.write_text(json.dumps(repaired))
    dataset = VideoInstanceDataset(ann_file=str(path))
    assert sum(len(dataset.get_data_info(i)['instances']) for i in range(len(dataset))) == remaining


def test_every_kind_has_a_test():
    tested = {kind for kind, *_ in BREAKAGES.values()}
    assert tested | {
        'overlap',
        'unused-category',
        'unannotated-video',
        'unused-frames',
        'split-leak',
    } == set(KINDS)


def test_all_problems_at_once(sound):
    for breakage in ('missing', 'unknown video', 'annotation twice', 'category twice', 'length'):
        BREAKAGES[breakage][1](sound)
    report, _ = check(sound)
    assert {p.kind for p in report} > {
        'missing-frame',
        'unknown-video',
        'duplicate-annotation',
        'category',
        'length',
    }


def test_lists_lose_the_frames_that_are_left_out(sound):
    frame_path(sound, 'v20/00000.png').unlink()
    _, repaired = check(sound)
    annotation = next(a for a in repaired['annotations'] if a['id'] == 2)
    before = fish(sound)
    for key in ('segmentations', 'areas', 'occlusion'):
        assert annotation[key] == before[key][1:]
    assert np.allclose(annotation['bboxes'][1:], before['bboxes'][2:])
    kept = next(v for v in repaired['videos'] if v['id'] == 20)
    assert kept['file_names'] == video(sound)['file_names'][1:] and kept['length'] == 3


def test_other_splits_and_unused_frames(sound):
    other = sound.root / 'other.json'
    names = {'videos': [{'file_names': ['v10/00000.png']}, {'file_names': 3}, 5]}
    other.write_text(json.dumps(names))
    extra = sound.root / 'frames/v99'
    extra.mkdir()
    for t in range(3):
        cv2.imwrite(str(extra / f'{t}.png'), np.zeros((4, 4, 3), np.uint8))
    sound.data['videos'].pop()
    report, _ = check(sound, others=[other])
    assert [(p.kind, p.where) for p in report if p.kind in ('split-leak', 'unused-frames')] == [
        ('split-leak', 'video 10'),
        ('unused-frames', 'v30'),
        ('unused-frames', 'v99'),
    ]


def test_a_video_without_a_folder_hides_no_other(sound):
    other = sound.root / 'other.json'
    names = {'videos': [{'file_names': ['v10/00009.png']}, {'file_names': ['v30_0.png']}]}
    other.write_text(json.dumps(names))
    sound.data['videos'][1]['file_names'][0] = 'v20_0.png'
    sound.data['videos'][2]['file_names'][0] = 'v30_0.png'
    for one in (20, 30):
        frame_path(sound, f'v{one}/00000.png').rename(frame_path(sound, f'v{one}_0.png'))
    leaks = [p.where for p in check(sound, others=[other])[0] if p.kind == 'split-leak']
    assert leaks == ['video 10', 'video 30']


@pytest.mark.parametrize('kind', ['polygon-outside', 'polygon-normalised'])
def test_polygons_in_another_unit_stay_with_their_boxes_and_areas(sound, kind):
    factors = (1.9, 1.9) if kind == 'polygon-outside' else (1 / WIDTH, 1 / HEIGHT)
    duck = sound.data['annotations'][3]
    points = duck['segmentations'][3][0]
    duck['segmentations'][3] = [[x * factors[i % 2] for i, x in enumerate(points)]]
    duck['bboxes'] = [None] * 3 + [[1, 2, 3, 4]]
    duck['areas'] = [None] * 3 + [12]
    report, repaired = check(sound)
    assert [p.kind for p in report if p.kind not in LEFT or p.kind == kind] == [kind]
    assert not report.clean and not report.changes
    assert repaired['annotations'][3] == duck
    duck['bboxes'].pop()
    _, repaired = check(sound)
    assert 'bboxes' not in repaired['annotations'][3] and repaired['annotations'][3]['areas'][3]


def test_polygons_at_the_border_are_sound(sound):
    around = [[-1, -1, WIDTH + 1, -1, WIDTH + 1, HEIGHT + 1, -1, HEIGHT + 1]]
    sound.data['annotations'][3]['segmentations'][3] = around
    assert check(sound)[0].clean


def test_a_folder_with_all_frames_is_not_a_video_that_two_splits_share(sound):
    other = sound.root / 'other.json'
    other.write_text(json.dumps({'videos': [{'file_names': ['else_00000.png']}]}))
    for one in sound.data['videos']:
        one['file_names'] = [name.replace('/', '_') for name in one['file_names']]
    report, _ = check(sound, others=[other])
    assert 'split-leak' not in {problem.kind for problem in report}


def test_another_split_that_is_no_json_is_refused_before_anything_is_checked(sound):
    other = sound.root / 'other.json'
    other.write_text('{')
    with pytest.raises(ValueError, match='other.json: not a readable json file'):
        check(sound, others=[other], progress=lambda done, total: 1 / 0)


def test_overlap_is_measured(sound):
    report, _ = check(sound)
    (overlap,) = [p for p in report if p.kind == 'overlap']
    duck, square = np.zeros((HEIGHT, WIDTH), bool), box_mask(4, 11, 14, 23)
    duck[12:20, 20:30] = True
    assert overlap.where == 'video 20'
    assert f'in 1 of 3 frames, {(duck & square).sum()} pixels' in overlap.what


def test_headers_alone(sound):
    path = frame_path(sound)
    path.write_bytes(path.read_bytes()[:90])
    assert not check(sound)[0].clean
    assert check(sound, decode=False)[0].clean
    write_image(sound, 12, 20)
    assert 'frame-size' in {p.kind for p in check(sound, decode=False)[0]}


def test_file_alone_and_hidden_annotations(sound):
    report, repaired = check_dataset(copy.deepcopy(sound.data), None)
    assert report.clean
    del sound.data['annotations'], sound.data['categories']
    report, repaired = check(sound)
    assert report.clean and set(repaired) == {'videos'}


def test_report_is_grouped_and_cut(sound):
    for path in (sound.root / 'frames/v30').iterdir():
        path.unlink()
    report, _ = check(sound)
    text = report.text(2)
    assert 'error missing-frame: 6 frames that are not there' in text
    assert text.count('there is no file') == 2 and '... and 4 more' in text
    assert '->' not in text and '-> the frame is left out' in report.text(2, changes=True)
    assert len(report.to_json()['problems']) == sum(1 for _ in report)


@pytest.mark.parametrize(
    ('data', 'what'),
    [
        ({'images': [{}] * 99, 'annotations': [{}] * 99}, 'a COCO file of images, not videos'),
        ({'images': [{}] * 99, 'videos': [{}] * 99}, 'convert.py coco-video converts it'),
        ({'sequences': [{}] * 99}, 'BURST in its own form'),
    ],
)
def test_files_of_another_form_are_one_problem(data, what):
    report, repaired = check_dataset(data, None)
    (problem,) = report
    assert problem.kind == 'not-this-form' and what in problem.what
    assert not is_usable(repaired)


def test_folders_elsewhere_are_not_looked_into(sound):
    elsewhere = sound.root / 'elsewhere'
    elsewhere.mkdir()
    cv2.imwrite(str(elsewhere / '0.png'), np.zeros((4, 4, 3), np.uint8))
    (sound.root / 'frames/linked').symlink_to(elsewhere)
    assert check(sound)[0].clean
    assert not [p for p in check(sound)[0] if p.kind == 'unused-frames']


def test_report_can_be_printed_whatever_names_there_are(sound):
    video(sound)['file_names'][0] = 'v20/\udc80\ud800' + 'x' * 200
    sound.data['videos'][2]['file_names'][0] = 'v30/\udc80.png'
    report, repaired = check(sound)
    text = report.text(9, changes=True)
    assert text.encode() and '\\udc80' in text and json.dumps(report.to_json())


@pytest.mark.parametrize(
    ('given', 'mended'), [('0', 0), ('False', 0), (0.0, 0), ('yes', 1), (7, 1)]
)
def test_a_crowd_is_what_its_text_says(tmp_path, given, mended):
    tiny = TinySet(tmp_path)
    tiny.data['annotations'][0]['iscrowd'] = given
    report, repaired = check_dataset(tiny.data, None)
    found = repaired['annotations'][0]['iscrowd']
    assert (type(found), found) == (int, mended) and 'iscrowd is' in report.text(5)
