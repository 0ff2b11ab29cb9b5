"""Cases whose numbers can be told by hand, invariances, and bad input."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest

from mmtmt.evaluation import STATS_NAMES, evaluate
from mmtmt.evaluation.analysis import TRACKING_NAMES, analyze


def value_of(output, name):
    return output['numbers'][name]['value']


def test_perfect_result(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None])
    output = analyze(case.gt, case.results, replicates=20)
    for name in ('AP', 'AP50', 'AR1', 'AP_small', *TRACKING_NAMES):
        assert value_of(output, name) == pytest.approx(1), name
    assert value_of(output, 'AP_large') is None
    assert output['numbers']['AP']['interval'] == pytest.approx([1, 1])
    assert output['curves']['AP75'] == pytest.approx([1] * 101)
    cat, dog = output['categories']
    assert (cat['name'], cat['objects'], cat['results'], cat['HOTA']) == ('cat', 1, 1, 1)
    assert dog['AP'] is dog['AP_interval'] is dog['HOTA'] is None
    assert output['confusion'] == {
        'labels': ['cat', 'dog'],
        'counts': [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
    }
    assert not any(row['count'] or row['AP50_gain'] for row in output['errors'].values())


def test_result_a_frame_late(case, box):
    case.video(2, 3).object(2, [box(0, 10), box(10, 20), box(20, 30)])
    case.result(2, [None, box(0, 10), box(10, 20)])
    output = analyze(case.gt, case.results, replicates=1)
    assert value_of(output, 'AP50') == 0 == value_of(output, 'HOTA')
    assert output['errors']['background']['count'] == output['errors']['missed']['count'] == 1
    video = output['videos'][1]
    assert {kind: count for kind, count in video.pop('errors').items() if count} == {
        'background': 1,
        'missed': 1,
    }
    assert video == {'id': 2, 'frames': 3, 'objects': 1, 'results': 1, 'HOTA': 0, 'IDF1': 0}
    assert output['videos'][0]['HOTA'] is None


def test_confusion(case, box):
    case.object(1, [box(0, 10), None]).object(1, [box(20, 30), None], category_id=7)
    case.object(1, [box(40, 50), None], category_id=7, crowd=1)
    case.result(1, [box(0, 10), None], 0.9, category_id=7)  # a cat taken for a dog
    case.result(1, [box(0, 10), None], 0.8)  # the cat is given away
    case.result(1, [box(40, 50), None], 0.7)  # on a crowd
    case.result(1, [box(20, 30), None], 0.2, category_id=7)  # too low a score
    output = analyze(case.gt, case.results, replicates=1)
    assert output['confusion']['counts'] == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_of_objects_at_one_overlap_that_of_the_own_category_is_taken(case, box):
    for category in (3, 7, 3):
        case.object(1, [box(0, 10), None], category_id=category)
    case.result(1, [box(0, 10), None], category_id=7)
    counts = analyze(case.gt, case.results, replicates=1)['confusion']['counts']
    assert counts == [[0, 0, 2], [0, 1, 0], [0, 0, 0]]


def test_rows_of_the_confusion_are_the_objects(random_case):
    output = analyze(random_case.gt, random_case.results, min_score=0.5, replicates=1)
    rows = np.sum(output['confusion']['counts'], axis=1)
    assert rows[:-1].tolist() == [row['objects'] for row in output['categories']]


@pytest.mark.parametrize('class_agnostic', [False, True])
def test_numbers_are_those_of_evaluate(random_case, class_agnostic):
    gt, results = random_case.gt, random_case.results
    output = analyze(gt, results, class_agnostic=class_agnostic, replicates=200)
    expected = evaluate(gt, results, class_agnostic=class_agnostic)
    for name in STATS_NAMES:
        value = value_of(output, name)
        assert (-1 if value is None else value) == expected[name]
    for row in output['categories']:
        for name in ('AP', 'AP50', 'AP75', 'AR100'):
            assert row[name] == pytest.approx(expected['per_category'][row['id']][name])
    merged = evaluate(gt, results, class_agnostic=True)
    assert output['class_agnostic']['AP'] == pytest.approx(merged['AP'])
    assert output['class_agnostic']['AR1'] == pytest.approx(merged['AR1'])
    low, high = output['numbers']['AP']['interval']
    assert low < value_of(output, 'AP') < high
    assert np.mean(output['curves']['AP']) == pytest.approx(expected['AP'])
    assert np.mean(output['curves']['AP50']) == pytest.approx(expected['AP50'])


def test_order_of_the_files_does_not_matter(random_case):
    rng = np.random.default_rng(1)
    shuffled = {key: list(rng.permutation(value)) for key, value in random_case.gt.items()}
    output = analyze(shuffled, list(rng.permutation(random_case.results)), replicates=30)
    expected = analyze(random_case.gt, random_case.results, replicates=30)
    for side in (output, expected):
        side.pop('examples'), side.pop('remarks')  # these tell positions in the file
        for row in side['errors'].values():
            # Which of two objects at one IoU a result is about is a matter of the order.
            del row['AP_gain']
    assert_same(output, expected)


def test_renamed_ids_do_not_matter(random_case):
    gt, results = copy.deepcopy((random_case.gt, random_case.results))
    names = {video['id']: f'video {video["id"]}' for video in gt['videos']}
    for entry in [*gt['annotations'], *results]:
        entry['video_id'] = names[entry['video_id']]
        entry['category_id'] += 10
    for entry in gt['videos']:
        entry['id'] = names[entry['id']]
    for entry in gt['categories']:
        entry['id'] += 10
    output = analyze(gt, results, replicates=30)
    for video in output['videos']:
        video['id'] = int(video['id'].split()[1])
    for category in output['categories']:
        category['id'] -= 10
    assert_same(output, analyze(random_case.gt, random_case.results, replicates=30))


def assert_same(output, expected):
    """Equal but for the last digits: sums in another order."""

    def flatten(value, path=''):
        if isinstance(value, dict):
            value = value.items()
        elif isinstance(value, list):
            value = enumerate(value)
        else:
            return {path: value}
        return {k: v for key, part in value for k, v in flatten(part, f'{path}/{key}').items()}

    assert flatten(output) == pytest.approx(flatten(json.loads(json.dumps(expected))), abs=1e-9)


def test_seed(random_case):
    def intervals(seed):
        output = analyze(random_case.gt, random_case.results, replicates=20, seed=seed)
        return output['numbers']['AP']['interval']

    assert intervals(0) == intervals(0) != intervals(1)


def test_no_objects_is_an_error(case, box):
    case.object(1, [box(0, 10), None], crowd=1).result(1, [box(0, 10), None])
    with pytest.raises(ValueError, match='no objects'):
        analyze(case.gt, case.results)


def test_no_results(case, box):
    case.object(1, [box(0, 10), None])
    output = analyze(case.gt, [], replicates=5)
    assert value_of(output, 'AP') == value_of(output, 'HOTA') == 0
    assert output['errors']['missed']['count'] == 1
    assert output['errors']['missed']['AP50_gain'] == pytest.approx(1)


def test_needs_no_torch():
    code = (
        'import sys, mmtmt.evaluation.analysis as a; a.analyze, a.compare; '
        'print({"torch", "mmengine", "scipy", "mmdet"} & set(sys.modules))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'set()'


@pytest.mark.parametrize('ids', [('3', '7'), ('cat', 'dog'), (2, 2.5), (1, 2**63 + 1)])
def test_ids_of_categories_may_be_anything_that_json_has(random_case, ids):
    expected = analyze(random_case.gt, random_case.results, replicates=5)
    new = dict(zip((3, 7), ids, strict=True))
    for entry in (*random_case.gt['annotations'], *random_case.results):
        entry['category_id'] = new[entry['category_id']]
    for category in random_case.gt['categories']:
        category['id'] = new[category['id']]
    output = analyze(random_case.gt, random_case.results, replicates=5)
    assert value_of(output, 'HOTA') > 0
    for row in (*output['categories'], *expected['categories']):
        del row['id']
    assert output == expected
