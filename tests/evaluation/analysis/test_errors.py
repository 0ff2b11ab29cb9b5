"""Each mistake in a video of its own, what its end brings, TIDE's numbers on single frames, and
that the parts make the whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis import ERROR_KINDS, study_results
from mmtmt.evaluation.analysis.errors import (
    MENDABLE,
    WRONG_KINDS,
    measure_errors,
    mended_precision,
)

GOLDEN = Path(__file__).parents[2] / 'golden'


def errors_of(gt, results):
    return [survey.errors for survey in study_results(gt, results).surveys.values()]


def table_of(gt, results, min_score=0):
    """What is measured of the judgements at all thresholds."""
    surveys = study_results(gt, results).surveys.values()
    return measure_errors([survey.errors_at for survey in surveys], min_score)


def kinds_of(case):
    (errors,) = errors_of(case.gt, case.results)
    return errors.kind.tolist(), errors.missed.tolist()


@pytest.mark.parametrize(
    ('result', 'category', 'kind', 'missed'),
    [
        # The object is (0, 20) in ten frames.
        ([(0, 20)] * 10, 3, 'right', False),
        ([(0, 10)] * 5 + [(0, 9)] * 5, 3, 'space', False),
        ([(0, 20)] * 4 + [None] * 6, 3, 'time', False),
        ([(0, 20)] * 4 + [(40, 60)] * 6, 3, 'time', False),
        ([(0, 8)] * 4 + [None] * 6, 3, 'space_and_time', False),
        # Perfect masks in these eight frames would give 0.8, dropping the other two 0.55.
        ([(0, 11)] * 8 + [None] * 2, 3, 'space', False),
        ([(0, 20)] * 10, 7, 'classification', False),
        ([(0, 20)] * 4 + [None] * 6, 7, 'class_and_place', True),
        ([(40, 50)] * 10, 3, 'background', True),
        ([None] * 10, 3, 'background', True),
    ],
)
def test_kinds(case, box, result, category, kind, missed):
    case.video(2, 10).object(2, [box(0, 20)] * 10)
    case.result(2, [span and box(*span) for span in result], category_id=category)
    assert kinds_of(case) == ([kind], [missed])


def test_second_result_is_a_duplicate(case, box):
    case.object(1, [box(0, 10), None])
    for score in (0.4, 0.8, 0.6):
        case.result(1, [box(0, 10), None], score)
    (errors,) = errors_of(case.gt, case.results)
    assert errors.scores.tolist() == [0.8, 0.6, 0.4]
    assert errors.kind.tolist() == ['right', 'duplicate', 'duplicate']
    assert errors.count('duplicate', 0.5) == 1


def test_result_on_a_crowd_is_ignored(case, box):
    case.object(1, [box(0, 10), None], crowd=1).object(1, [box(30, 40), None])
    case.result(1, [box(0, 10), None])
    assert kinds_of(case) == (['ignored'], [False, True])


def test_gains(case, box):
    # Two objects of one category: one found, the other with half of its frames.
    case.object(1, [box(0, 10), None]).object(1, [box(20, 30), box(20, 33)])
    case.result(1, [box(0, 10), None], 0.9).result(1, [box(20, 30), None], 0.8)
    case.result(1, [box(45, 55), None], 0.95)
    table = table_of(case.gt, case.results, 0.9)
    before = 51 / 101 * 1 / 2
    assert evaluate(case.gt, case.results)['AP50'] == pytest.approx(before)
    assert {kind: row['count'] for kind, row in table.items() if row['count']} == {
        'time': 1,
        'background': 1,
        'false_positives': 2,
        'false_negatives': 1,
    }
    assert [table[kind]['count_confident'] for kind in ('time', 'background')] == [0, 1]
    # wrong, right, right: 2/3 at every recall
    assert table['time']['AP50_gain'] == pytest.approx(2 / 3 - before)
    # right, wrong
    assert table['background']['AP50_gain'] == pytest.approx(51 / 101 - before)
    assert table['false_positives']['AP50_gain'] == pytest.approx(51 / 101 - before)
    # wrong, right, wrong for the one object that is left: 1/2 at every recall
    assert table['false_negatives']['AP50_gain'] == pytest.approx(1 / 2 - before)


def test_gain_in_ap_is_the_mean_over_the_thresholds(case, box):
    # An IoU of 0.7 is right at five of ten thresholds, and a bad mask at the other five.
    case.object(1, [box(0, 10), None]).result(1, [box(0, 7), None])
    table = table_of(case.gt, case.results)
    assert table['space']['count'] == 0 and table['space']['AP50_gain'] == 0
    assert table['space']['AP_gain'] == pytest.approx(0.5)
    assert table['background']['AP_gain'] == 0


def test_mended_category(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None], category_id=7)
    case.object(1, [box(30, 40), None], category_id=7)
    case.result(1, [box(30, 40), None], 0.95, category_id=3)
    table = table_of(case.gt, case.results)
    assert table['classification'] == {
        'count': 2,
        'count_confident': 2,
        'AP50_gain': pytest.approx(1),
        'AP_gain': pytest.approx(1),
    }


def test_results_about_an_object_that_is_found_go(case, box):
    case.object(1, [box(0, 10), box(0, 10)]).object(1, [box(40, 50), None], category_id=7)
    case.result(1, [box(0, 10), box(0, 10)], 0.9, category_id=7)
    case.result(1, [box(0, 10), None], 0.8).result(1, [box(0, 4), box(0, 4)], 0.95)
    table = table_of(case.gt, case.results)
    kinds = {kind: row['count'] for kind, row in table.items() if kind in MENDABLE}
    # An IoU of exactly 0.5 is on the object, so that one of the three is right.
    assert kinds == {'classification': 1, 'space': 1, 'time': 0, 'space_and_time': 0}
    assert table['classification']['AP50_gain'] == 0
    assert table['space']['AP50_gain'] == pytest.approx((1 - 0.5) / 2)


def test_results_near_one_object_and_on_another(case, box):
    # Of its own category 1/5, of the other one 2/3: the place comes first, as in TIDE.
    case.object(1, [box(0, 10), None]).object(1, [box(8, 20), None], category_id=7)
    case.result(1, [box(6, 18), None])
    assert kinds_of(case) == (['space'], [False, True])


def test_equals_tide_on_single_frames():
    tide = json.loads((GOLDEN / 'tide.json').read_text())
    errors = errors_of(tide['gt'], tide['results'])
    table = table_of(tide['gt'], tide['results'])
    names = {
        'Loc': 'space',
        'Cls': 'classification',
        'Dupe': 'duplicate',
        'Both': 'class_and_place',
        'Bkg': 'background',
        'Miss': 'missed',
        'FalsePos': 'false_positives',
        'FalseNeg': 'false_negatives',
    }
    assert mended_precision(errors, []) == pytest.approx(tide['AP50'], abs=1e-3)
    for name, kind in names.items():
        # TIDE's recall thresholds are the same but for the last digit, which moves single points.
        assert table[kind]['AP50_gain'] == pytest.approx(tide['gains'][name], abs=1e-3), name
        assert table[kind]['count'] == tide['counts'].get(name, table[kind]['count']), name
        assert table[kind]['count'] > 0
    assert table['time']['count'] == table['space_and_time']['count'] == 0


def test_object_without_any_result_of_its_category(case, box):
    case.object(1, [box(0, 10), None]).object(1, [box(30, 40), None], category_id=7)
    case.result(1, [box(0, 10), None])
    table = table_of(case.gt, case.results)
    assert (
        table['missed']['AP50_gain'] == table['false_negatives']['AP50_gain'] == pytest.approx(0.5)
    )


@pytest.mark.parametrize('name', 'abcdej')
def test_parts_make_the_whole(name):
    files = [GOLDEN / f'ytvis_eval_{name}_{side}.json.gz' for side in ('gt', 'results')]
    errors = errors_of(*files)
    output = evaluate(*files)
    counts = {
        kind: sum(video.count(kind) for video in errors)
        for kind in ('right', 'ignored', *WRONG_KINDS)
    }
    looked_at = output['counts']['results'] - output['counts']['results_beyond_limit']
    assert sum(counts.values()) == looked_at
    objects = output['counts']['objects'] - output['counts']['crowd_objects']
    assert sum(video.counted.sum() for video in errors) == objects
    assert counts['right'] == sum(video.found.sum() for video in errors)
    unfound = objects - counts['right']
    explained = {
        (video.video_id, g)
        for video in errors
        for g in video.target[np.isin(video.kind, MENDABLE)]
        if not video.found[g]
    }
    assert unfound == sum(video.count('missed') for video in errors) + len(explained)
    assert table_of(*files)['false_negatives']['count'] == unfound
    # Nothing mended is the official number, everything mended is perfect, no mending does harm.
    assert mended_precision(errors, []) == pytest.approx(output['AP50'], abs=1e-12)
    assert mended_precision(errors, ERROR_KINDS) == pytest.approx(1)
    judged = [survey.errors_at for survey in study_results(*files).surveys.values()]
    at_all = [mended_precision(at_one, []) for at_one in zip(*judged, strict=True)]
    assert np.mean(at_all) == pytest.approx(output['AP'], abs=1e-12)
    everything = ['false_positives', 'false_negatives']
    assert mended_precision(errors, everything) == pytest.approx(1)
    for row in table_of(*files).values():
        assert row['AP50_gain'] >= 0 and row['AP_gain'] >= 0
