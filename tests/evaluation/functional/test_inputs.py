"""Ground truth and results that are not as they should be: what is refused names the entry, what is
left out is counted."""

import copy
import json

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis import analyze
from mmtmt.evaluation.functional import read_ground_truth, read_results, remarks


@pytest.fixture
def sound(case, box):
    return case.object(1, [box(0, 10), box(0, 10)]).result(1, [box(0, 10), None])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'annotations': 5}, 'expected annotations as a list, got 5'),
        ({'annotations': {'a': 1}}, 'expected annotations as a list'),
        ({'videos': None}, 'expected videos as a list, got None'),
        ({'videos': 5}, 'expected videos as a list, got 5'),
        ({'categories': {'a': 1}}, 'expected categories as a list'),
        ({'annotations': [5]}, r'annotations\[0\]'),
        ({'categories': [{'id': 3, 'name': 5}]}, r'categories\[0\]: expected a name, got 5'),
        ({'categories': [{'id': [3], 'name': 'cat'}]}, r'categories\[0\]: expected an id'),
        (
            {'categories': [{'id': 3, 'name': 'cat'}, {'id': 'x', 'name': 'dog'}]},
            r"categories\[1\]: .* all numbers or all text, got 'x' beside 3",
        ),
    ],
)
def test_files_of_another_form(sound, change, message):
    with pytest.raises(ValueError, match=message):
        evaluate({**sound.gt, **change}, sound.results)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'id': 'x'}, r"videos\[1\]: .* got 'x' beside 1"),
        ({'id': True}, r'videos\[1\]: expected an id, got True'),
        ({'height': float('nan')}, 'video 2: expected the height as a whole number, got nan'),
        ({'width': 60.5}, 'video 2: expected the width as a whole number, got 60.5'),
        ({'length': '2'}, "video 2: expected the length as a whole number, got '2'"),
        ({'height': 10**5000}, r'videos\[1\]'),
    ],
)
def test_videos_of_another_form(sound, change, message):
    sound.video(2)
    sound.gt['videos'][1].update(change)
    with pytest.raises(ValueError, match=message):
        evaluate(sound.gt, sound.results)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'areas': [5]}, r'annotation 1: expected areas as a list with an entry for each of the 2'),
        ({'areas': 5}, 'annotation 1: expected areas as a list'),
        ({'areas': ['x', 'y']}, 'annotation 1: expected areas in numbers'),
        ({'areas': [float('inf'), 1]}, 'annotation 1: expected finite areas'),
        ({'occlusion': ['slight_occlusion']}, 'annotation 1: expected occlusion as a list with'),
        ({'iscrowd': '0'}, "annotation 1: expected iscrowd to be 0 or 1, got '0'"),
        ({'id': None, 'iscrowd': 2}, 'annotation at position 0: expected iscrowd'),
        ({'video_id': [1]}, r'annotation 1: video \[1\] is not in'),
        ({'category_id': {}}, 'annotation 1: category {} is not in'),
    ],
)
def test_annotations_of_another_form(sound, change, message):
    sound.gt['annotations'][0].update(change)
    with pytest.raises(ValueError, match=message):
        evaluate(sound.gt, sound.results)


@pytest.mark.parametrize('crowd', [None, 0, False, 0.0])
def test_forms_of_no_crowd(sound, crowd):
    sound.gt['annotations'][0]['iscrowd'] = crowd
    assert evaluate(sound.gt, sound.results)['counts']['crowd_objects'] == 0


def test_what_may_stand_for_results(sound):
    expected = evaluate(sound.gt, sound.results)['stats']
    for results in (tuple(sound.results), iter(sound.results), np.array(sound.results)):
        assert evaluate(sound.gt, results)['stats'] == expected
    for results in (None, 5, {'a': 1}, b'x'):
        with pytest.raises(ValueError, match='expected results as a file or a list'):
            evaluate(sound.gt, results)
    with pytest.raises(ValueError, match='expected a json file or its content, got None'):
        evaluate(None, sound.results)


def test_results_of_several_datasets_are_told_apart(sound):
    wrong = {**sound.results[0], 'category_id': 99, 'dataset': 'ovis'}
    with pytest.raises(ValueError, match="result 0 of dataset 'ovis': category 99 is not in"):
        evaluate(sound.gt, [wrong])
    one, two = ({**sound.results[0], 'dataset': name} for name in ('ovis', 'uvo'))
    assert evaluate(sound.gt, [one, one])['stats']
    with pytest.raises(ValueError, match="result 1 of dataset 'uvo': the results before"):
        evaluate(sound.gt, [one, two])


def test_number_of_thousands_of_digits(sound, tmp_path):
    path = tmp_path / 'results.json'
    text = json.dumps(sound.results).replace('0.9', '1' * 100_000)
    path.write_text(text)
    with pytest.raises(ValueError, match='results.json: .*too many digits.* at character'):
        evaluate(sound.gt, path)
    with pytest.raises(ValueError, match='result 0: expected a finite score, got an int too long'):
        evaluate(sound.gt, [{**sound.results[0], 'score': 10**5000}])


def test_annotation_0_is_found_as_any_other(sound):
    expected = evaluate(sound.gt, sound.results)['stats']
    sound.gt['annotations'][0]['id'] = 0
    assert expected[1] > 0.99 and evaluate(sound.gt, sound.results)['stats'] == expected


def test_repeated_results_are_named(case, box):
    case.object(1, [box(0, 10), None])
    for score, category in ((0.9, 3), (0.9, 3), (0.8, 3), (0.9, 7)):
        case.result(1, [box(0, 10), None], score, category)
    for _ in range(2):
        case.result(1, [None, None])
    output = evaluate(case.gt, case.results)
    assert output['counts']['repeated_results'] == 2
    assert output['examples']['repeated_results'] == [
        'result 1 repeats result 0',
        'result 2 repeats result 0, with another score',
    ]
    assert output['counts']['results_without_pixels'] == 2
    merged = evaluate(case.gt, case.results, class_agnostic=True)
    assert merged['counts']['repeated_results'] == 3
    text = '\n'.join(remarks(merged))
    assert '3 results with the masks of another one of the video: wrong' in text
    assert 'result 3 repeats result 0' in text


def test_limit_holds_for_all_categories_when_they_are_one(case, box):
    case.object(1, [box(0, 10), None])
    for n in range(160):
        case.result(1, [box(n % 40, 50), None], n / 200, 3 if n % 2 else 7)
    assert evaluate(case.gt, case.results)['counts']['results_beyond_limit'] == 0
    output = evaluate(case.gt, case.results, class_agnostic=True)
    assert output['counts']['results_beyond_limit'] == 60
    assert '60 results beyond the best 100 of a video: not looked at' in remarks(output)
    for agnostic, group in ((True, 'video'), (False, 'video and category')):
        analysis = analyze(case.gt, case.results, class_agnostic=agnostic, replicates=2)
        analysis['counts']['results_beyond_limit'] = 60
        line = f'60 results beyond the best 100 of a {group}: not looked at'
        assert line in remarks(analysis)


def test_parts_of_masks_that_are_left_out_are_counted(sound, box):
    polygon = [1, 1, 9, 1, 9, 9]
    with_parts = copy.deepcopy(sound.gt)
    annotation = {**with_parts['annotations'][0], 'id': 2, 'areas': None}
    annotation['segmentations'] = [[polygon, [1, 1, 2, 2], [*polygon, 4]], []]
    with_parts['annotations'].append(annotation)
    results = [*sound.results, {**sound.results[0], 'segmentations': [[], None]}]
    output = evaluate(with_parts, results)
    assert output['counts']['polygons_left_out'] == 2 and output['counts']['empty_lists'] == 2
    lines = remarks(output)
    assert (
        '2 polygons of fewer than three points, or half a one: left out '
        '(annotation 2, segmentations[0], …)'
    ) in lines
    assert (
        '2 empty lists as a mask: taken for null '
        '(annotation 2, segmentations[1], result 1, segmentations[0])'
    ) in lines
    truth = read_ground_truth(with_parts)
    assert truth.left_out.counts == {'polygons': 2, 'empty_lists': 1}
    assert read_results(sound.results, truth).left_out.counts == {}


def test_nothing_to_remark_on(sound):
    assert remarks(evaluate(sound.gt, sound.results)) == []


def test_empty_annotations_may_be_hidden_ones(sound):
    sound.gt['annotations'] = []
    text = '\n'.join(remarks(evaluate(sound.gt, sound.results)))
    assert 'nothing to measure' in text and 'split_dataset.py' in text
