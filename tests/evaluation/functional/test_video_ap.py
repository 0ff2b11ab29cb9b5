"""Cases whose numbers can be told by hand, invariances, and bad input."""

import copy
import gzip
import json

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.functional import read_ground_truth


def test_perfect_result(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None])
    output = evaluate(case.gt, case.results)
    assert [output[key] for key in ('AP', 'AP50', 'AR1')] == pytest.approx([1, 1, 1])
    assert output['AP_small'] == pytest.approx(1) and output['AP_large'] == -1
    assert output['per_category'][7] == {
        'name': 'dog',
        'AP': None,
        'AP50': None,
        'AP75': None,
        'AR100': None,
    }


@pytest.mark.parametrize('score, expected', [(0.95, 0.5), (0.5, 1)])
def test_false_result_above_and_below_the_right_one(case, box, score, expected):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None])
    case.result(1, [box(30, 40), None], score)
    assert evaluate(case.gt, case.results)['AP'] == pytest.approx(expected)


def test_iou_equal_to_the_threshold_matches(case, box):
    # Half of the pixels of both frames together: an IoU of exactly 0.5.
    case.object(1, [box(0, 10), box(0, 10)]).result(1, [box(0, 10), None])
    output = evaluate(case.gt, case.results)
    assert output['AP50'] == pytest.approx(1) and output['AP75'] == 0
    assert output['AP'] == pytest.approx(0.1)


def test_iou_is_of_the_whole_tube_not_a_mean_over_frames(case, box):
    # 100 of 100 pixels and 0 of 10: 0.91 over the tube, 0.5 as a mean over the frames.
    case.object(1, [box(0, 10), box(0, 1)]).result(1, [box(0, 10), None])
    assert evaluate(case.gt, case.results)['AP'] == pytest.approx(0.9)


def test_second_result_for_an_object_is_wrong(case, box):
    for score in (0.9, 0.8):
        case.result(1, [box(0, 10), None], score)
    case.object(1, [box(0, 10), None]).object(1, [box(40, 50), None])
    case.result(1, [box(40, 50), None], 0.7)
    # Precision 1 up to a recall of 1/2 (51 points), then 2/3 (50 points).
    assert evaluate(case.gt, case.results)['AP'] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_crowd_takes_many_results_and_counts_for_nothing(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None], 0.5)
    case.object(1, [box(30, 40), None], crowd=1)
    for score in (0.9, 0.8, 0.7):
        case.result(1, [box(30, 40), None], score)
    assert evaluate(case.gt, case.results)['AP'] == pytest.approx(1)


def test_ties_in_score_keep_the_order_of_the_file(case, box):
    case.object(1, [box(0, 10), None])
    right, wrong = [box(0, 10), None], [box(30, 40), None]
    case.result(1, right).result(1, wrong)
    assert evaluate(case.gt, case.results)['AP'] == pytest.approx(1)
    assert evaluate(case.gt, case.results[::-1])['AP'] == pytest.approx(0.5)


def test_only_the_best_100_results_of_a_video_and_category_count(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None], 0.1)
    for _ in range(100):
        case.result(1, [box(30, 40), None], 0.9)
    output = evaluate(case.gt, case.results)
    assert output['AR100'] == 0 and output['counts']['results_beyond_limit'] == 1


def test_no_results(case, box):
    case.object(1, [box(0, 10), None])
    output = evaluate(case.gt, [])
    assert output['AP'] == 0 and output['AR100'] == 0


def test_no_objects(case, box):
    case.result(1, [box(0, 10), None])
    assert set(evaluate(case.gt, case.results)['stats']) == {-1}


def test_class_agnostic(case, box):
    case.object(1, [box(0, 10), None], category_id=3)
    case.result(1, [box(0, 10), None], category_id=7)
    assert evaluate(case.gt, case.results)['AP'] == 0
    assert evaluate(case.gt, case.results, class_agnostic=True)['AP'] == pytest.approx(1)


def test_missing_areas_are_measured(random_case):
    expected = evaluate(random_case.gt, random_case.results)
    for annotation in random_case.gt['annotations']:
        del annotation['areas']
    assert evaluate(random_case.gt, random_case.results)['stats'] == expected['stats']


def test_order_of_the_files_does_not_matter(random_case):
    expected = evaluate(random_case.gt, random_case.results)
    assert 0.05 < expected['AP'] < 0.95
    rng = np.random.default_rng(1)
    shuffled = {key: list(rng.permutation(value)) for key, value in random_case.gt.items()}
    output = evaluate(shuffled, list(rng.permutation(random_case.results)))
    np.testing.assert_array_equal(output['precision'], expected['precision'])
    np.testing.assert_array_equal(output['recall'], expected['recall'])


def test_renumbered_categories_permute_the_arrays(random_case):
    expected = evaluate(random_case.gt, random_case.results)
    swapped = copy.deepcopy((random_case.gt, random_case.results))
    for entry in [*swapped[0]['annotations'], *swapped[1]]:
        entry['category_id'] = {3: 11, 7: 1}[entry['category_id']]
    swapped[0]['categories'] = [{'id': 11, 'name': 'cat'}, {'id': 1, 'name': 'dog'}]
    output = evaluate(*swapped)
    np.testing.assert_array_equal(output['precision'][:, :, ::-1], expected['precision'])


def test_files_plain_zipped_and_read_before(random_case, tmp_path):
    expected = evaluate(random_case.gt, random_case.results)['stats']
    (tmp_path / 'gt.json').write_text(json.dumps(random_case.gt))
    with gzip.open(tmp_path / 'results.json.gz', 'wt') as file:
        json.dump(random_case.results, file)
    files = tmp_path / 'gt.json', tmp_path / 'results.json.gz'
    assert evaluate(*files)['stats'] == expected
    assert evaluate(read_ground_truth(files[0]), files[1])['stats'] == expected


@pytest.mark.parametrize(
    'change, message',
    [
        ({'video_id': 8}, 'result 1: video 8 is not in the ground truth'),
        ({'category_id': 4}, 'result 1: category 4 is not in the ground truth'),
        ({'score': float('nan')}, 'result 1: expected a finite score, got nan'),
        ({'score': None}, 'result 1: expected a finite score'),
        ({'segmentations': [None]}, 'result 1: expected 2 segmentations.* got 1'),
        ({'segmentations': [None, 'x']}, 'result 1, video 1, segmentations.1.: '),
        ({'segmentations': [{'size': [4, 6], 'counts': 'PhX5'}, None]}, 'segmentations.0.: .*size'),
        ({'segmentations': [None, {'size': [40, 60], 'counts': '1'}]}, 'video 1, segmentations.1'),
        ({'segmentations': [None, {'size': [40, 60], 'counts': 'o'}]}, 'video 1, .*cut short'),
        ({'segmentations': [None, {'size': [40, 60], 'counts': '!'}]}, 'video 1, .*characters of'),
    ],
)
def test_bad_results_are_named(case, box, change, message):
    case.object(1, [box(0, 10), None])
    case.result(1, [box(0, 10), None]).result(1, [box(0, 10), None])
    case.results[1].update(change)
    with pytest.raises(ValueError, match=message):
        evaluate(case.gt, case.results)


def test_missing_key_is_named(case, box):
    case.object(1, [box(0, 10), None]).result(1, [None, None])
    del case.results[0]['video_id']
    with pytest.raises(ValueError, match='result 0: video_id missing'):
        evaluate(case.gt, case.results)


@pytest.mark.parametrize('hide', ['absent', 'null'])
def test_hidden_ground_truth_says_what_to_do(case, hide):
    if hide == 'null':
        case.gt['annotations'] = None
    else:
        del case.gt['annotations']
    with pytest.raises(ValueError, match='no annotations.*submission'):
        evaluate(case.gt, [])


def test_file_that_is_cut_short(tmp_path):
    (tmp_path / 'gt.json').write_text('{"videos": [')
    with pytest.raises(ValueError, match='gt.json: not a readable json file'):
        evaluate(tmp_path / 'gt.json', [])


@pytest.mark.parametrize(
    ('truth', 'results', 'message'),
    [
        ({'videos': [{'id': 1}], 'categories': []}, [], r'videos\[0\] is not in the YouTube'),
        ({'videos': [], 'categories': []}, [], 'gt.json: the ground truth has no annotations'),
        ({'videos': [], 'categories': [], 'annotations': []}, {}, 'dt.json: .*a list at the top'),
        (
            {'videos': [], 'categories': [], 'annotations': []},
            [3],
            'dt.json: result 0: expected an object, got 3',
        ),
    ],
)
def test_errors_name_the_file(tmp_path, truth, results, message):
    paths = [tmp_path / 'gt.json', tmp_path / 'dt.json']
    for path, content in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(content), encoding='utf-8')
    with pytest.raises(ValueError, match=message):
        evaluate(*paths)
