"""HOTA and IDF1 against TrackEval's numbers, and in cases that can be told by hand."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from mmtmt.evaluation.analysis import TRACKING_NAMES, study_results
from mmtmt.evaluation.analysis.tracking import average_over_categories, no_tracks

GOLDEN = Path(__file__).parents[2] / 'golden'
TRACKEVAL = json.loads((GOLDEN / 'trackeval.json').read_text())


def tracks_of(gt, results, **options):
    """Counts per category, over all videos."""
    totals = {}
    for survey in study_results(gt, results, **options).surveys.values():
        for category, counts in survey.tracks.items():
            totals[category] = totals.get(category, no_tracks()) + counts
    return totals


def scores_of(gt, results, **options):
    return sum(tracks_of(gt, results, **options).values(), no_tracks()).scores()


@pytest.mark.parametrize('case', TRACKEVAL['cases'])
def test_equals_trackeval(case):
    with gzip.open(GOLDEN / f'{case}_gt.json.gz') as file:
        gt = json.load(file)
    for annotation in gt['annotations']:
        annotation['iscrowd'] = 0  # TrackEval's reader doesn't look at it
    tracks = tracks_of(gt, GOLDEN / f'{case}_results.json.gz')
    expected = TRACKEVAL['cases'][case]
    computed = {
        'detection_average': sum(tracks.values(), no_tracks()).scores(),
        'category_average': average_over_categories(tracks.values()),
        **{str(category): counts.scores() for category, counts in tracks.items()},
    }
    rows = {**expected, **expected['categories']}
    assert expected['categories'].keys() <= computed.keys()
    for row in computed.keys() & rows.keys():
        assert tuple(computed[row]) == TRACKING_NAMES
        for name, value in computed[row].items():
            assert value == pytest.approx(rows[row][name], abs=1e-12), (row, name)


def test_perfect_tracks(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None])
    assert scores_of(case.gt, case.results) == pytest.approx(dict.fromkeys(TRACKING_NAMES, 1))


def test_mask_without_pixels_is_no_detection(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), box(5, 5)])
    assert scores_of(case.gt, case.results)['DetPr'] == 1


def test_track_that_breaks_in_two(case, box):
    # Two frames, each found by another result: all detections right, half of each association.
    case.object(1, [box(0, 10), box(0, 10)])
    case.result(1, [box(0, 10), None]).result(1, [None, box(0, 10)])
    scores = scores_of(case.gt, case.results)
    assert scores['DetA'] == 1 and scores['AssA'] == scores['AssRe'] == pytest.approx(0.5)
    assert scores['AssPr'] == 1 and scores['HOTA'] == pytest.approx(np.sqrt(0.5))
    assert scores['IDF1'] == pytest.approx(2 * 1 / (2 + 2))


def test_swapped_identities(case, box):
    left, right = box(0, 10), box(30, 40)
    case.object(1, [left, left]).object(1, [right, right])
    case.result(1, [left, right]).result(1, [right, left])
    scores = scores_of(case.gt, case.results)
    assert scores['DetA'] == 1 and scores['AssA'] == pytest.approx(1 / 3)
    assert scores['IDF1'] == pytest.approx(0.5)


def test_half_masks(case, box):
    # An IoU of 0.5 counts at 10 of the 19 overlaps, 0.05 to 0.5.
    case.object(1, [box(0, 10), box(0, 10)]).result(1, [box(0, 5), box(0, 5)])
    scores = scores_of(case.gt, case.results)
    assert scores['HOTA'] == pytest.approx(10 / 19) and scores['IDF1'] == 1


def test_results_below_the_least_score_do_not_count(case, box):
    case.object(1, [box(0, 10), None]).result(1, [box(0, 10), None], 0.9)
    case.result(1, [box(30, 40), None], 0.2)
    assert scores_of(case.gt, case.results, min_score=0.3)['HOTA'] == 1
    assert scores_of(case.gt, case.results)['DetPr'] == 0.5


def test_detections_on_a_crowd_do_not_count(case, box):
    case.object(1, [box(0, 10), box(0, 10)]).result(1, [box(0, 10), box(0, 10)])
    case.object(1, [box(20, 30), box(20, 30)], crowd=1)
    case.object(1, [box(28, 40), box(28, 40)], crowd=1)
    # The two regions together cover 3/4 of one of these and half of the other.
    case.result(1, [box(24, 40), None]).result(1, [None, box(36, 44)])
    scores = scores_of(case.gt, case.results)
    assert scores['DetRe'] == 1 and scores['DetPr'] == pytest.approx(2 / 3)
    # On a crowd, but the best partner of an object as well.
    case.object(1, [box(0, 10), box(0, 10)], crowd=1)
    assert scores_of(case.gt, case.results) == scores


def test_categories_are_apart_unless_taken_as_one(case, box):
    case.object(1, [box(0, 10), None], category_id=3)
    case.result(1, [box(0, 10), None], category_id=7)
    assert scores_of(case.gt, case.results)['HOTA'] == 0
    assert scores_of(case.gt, case.results, class_agnostic=True)['HOTA'] == 1
    assert average_over_categories(tracks_of(case.gt, case.results).values())['HOTA'] == 0
