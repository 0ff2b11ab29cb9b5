"""Weighing videos gives what evaluating a file with repeated videos gives."""

from pathlib import Path

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis import SAMPLED_NAMES, study_results
from mmtmt.evaluation.analysis.resampling import bootstrap_weights, interval
from mmtmt.evaluation.functional import read_json

GOLDEN = Path(__file__).parents[2] / 'golden'
SIZES = ('AP_small', 'AP_medium', 'AP_large')
OFFICIAL = ('AP', 'AP50', 'AP75', *SIZES, 'AR1', 'AR10', 'AR100')


def repeat_videos(gt, results, weights):
    """The files with every video as often as its weight says."""
    repeated = {**gt, 'videos': [], 'annotations': []}
    entries = []
    # Copies of a video come next to it, so that ties in score keep the order of the videos.
    copies = {
        video['id']: [1000 * v + copy for copy in range(weight)]
        for v, (video, weight) in enumerate(
            zip(sorted(gt['videos'], key=lambda video: video['id']), weights, strict=True)
        )
    }
    for video in gt['videos']:
        repeated['videos'] += [{**video, 'id': i} for i in copies[video['id']]]
    for source, target in ((gt['annotations'], repeated['annotations']), (results, entries)):
        target += [{**entry, 'video_id': i} for entry in source for i in copies[entry['video_id']]]
    for i, annotation in enumerate(repeated['annotations']):
        annotation['id'] = i + 1
    return repeated, entries


@pytest.mark.parametrize('name', 'aj')
def test_equals_a_file_with_repeated_videos(name):
    gt, results = (
        read_json(GOLDEN / f'ytvis_eval_{name}_{side}.json.gz') for side in ('gt', 'results')
    )
    # Results of one score take turns with those of the copied video, which no weight can tell.
    for rank, result in enumerate(results):
        result['score'] -= 1e-9 * rank
    study = study_results(gt, results)
    weights = np.concatenate(
        [np.ones((1, len(gt['videos'])), int), bootstrap_weights(len(gt['videos']), 3, 5)]
    )
    numbers, categories = study.sampleable.numbers(weights)
    assert tuple(numbers) == SAMPLED_NAMES
    for sample, row in enumerate(weights):
        output = evaluate(*repeat_videos(gt, results, row))
        for key in OFFICIAL:
            value = -1 if np.isnan(numbers[key][sample]) else numbers[key][sample]
            assert value == pytest.approx(output[key], abs=1e-12), key
        for category, values in categories.items():
            expected = output['per_category'][category]['AP']
            value = values[sample]
            assert np.isnan(value) if expected is None else value == pytest.approx(expected)
        repeated = study_results(*repeat_videos(gt, results, row)).sampleable
        everything = np.ones((1, len(repeated.tracks)), int)
        tracking = repeated.numbers(everything)[0]
        for key in set(SAMPLED_NAMES) - set(OFFICIAL):
            assert numbers[key][sample] == pytest.approx(tracking[key][0], abs=1e-12), key


def test_samples_in_parts_equal_samples_at_once():
    files = [GOLDEN / f'ytvis_eval_d_{side}.json.gz' for side in ('gt', 'results')]
    sampleable = study_results(*files).sampleable
    weights = bootstrap_weights(20, 150, 0)
    whole = sampleable.numbers(weights)[0]
    parts = [sampleable.numbers(weights[i : i + 1])[0] for i in (0, 63, 64, 149)]
    for key in SAMPLED_NAMES:
        np.testing.assert_array_equal(whole[key][[0, 63, 64, 149]], [p[key][0] for p in parts])


def test_weights_are_seeded_samples_of_as_many_videos():
    weights = bootstrap_weights(30, 500, 1)
    assert (weights.sum(axis=1) == 30).all() and abs(weights.mean() - 1) < 1e-12
    # The share of videos that a sample leaves out is 1/e for many videos.
    assert abs((weights == 0).mean() - (1 - 1 / 30) ** 30) < 0.02
    np.testing.assert_array_equal(weights, bootstrap_weights(30, 500, 1))
    assert (weights != bootstrap_weights(30, 500, 2)).any()


def test_interval():
    values = np.append(np.arange(1001) / 1000, np.nan)
    assert interval(values) == pytest.approx([0.025, 0.975])
    assert interval(np.array([np.nan])) is None
    # A value that lies in the middle of its samples needs no correction; one below shifts it down.
    assert interval(values, 0.5) == pytest.approx([0.025, 0.975], abs=1e-3)
    low, high = interval(values, 0.4)
    # Normal quantiles: twice that of 0.4, minus and plus 1.96.
    assert [low, high] == pytest.approx([0.0068, 0.9269], abs=1e-3)
    assert interval(np.full(9, 0.3), 0.3) == [0.3, 0.3]
