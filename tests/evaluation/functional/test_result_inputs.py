"""Results measured in parts and in threads: where they are cut doesn't show."""

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.functional import entries, read_ground_truth, read_results, result_inputs
from mmtmt.structures import threads


@pytest.fixture(params=[1, 3])
def in_small_parts(request, monkeypatch):
    """A few masks are decoded together, by the caller or by threads."""
    monkeypatch.setattr(threads, 'num_threads', lambda: request.param)
    for module in (entries, result_inputs):
        monkeypatch.setattr(module, 'MAX_TOGETHER', 30)
    monkeypatch.setattr(result_inputs, 'MAX_PENDING', 200)


@pytest.mark.parametrize('order', ['file', 'scattered'])
def test_parts_and_threads_change_nothing(random_case, in_small_parts, order, monkeypatch):
    if order == 'scattered':
        random_case.results = random_case.results[::3] + random_case.results[1::3]
    found = evaluate(random_case.gt, random_case.results)
    tubes = read_results(random_case.results, read_ground_truth(random_case.gt)).tubes
    monkeypatch.undo()
    expected = evaluate(random_case.gt, random_case.results)
    for key in ('precision', 'recall'):
        np.testing.assert_array_equal(found[key], expected[key])
    assert expected['AP'] > 0
    whole = read_results(random_case.results, read_ground_truth(random_case.gt)).tubes
    assert tubes.keys() == whole.keys()
    for key in whole:
        # in the order of the file within a video and category
        assert [tube.index for tube in tubes[key]] == [tube.index for tube in whole[key]]
        assert [tube.areas.tolist() for tube in tubes[key]] == [
            tube.areas.tolist() for tube in whole[key]]
        assert [tube.shared.tolist() for tube in tubes[key]] == [
            tube.shared.tolist() for tube in whole[key]]


def test_parts_end_with_a_video_where_its_results_stand_together(monkeypatch):
    class Result:
        def __init__(self, video_id):
            self.video_id, self.characters = video_id, 10

    def parts(order):
        return [[len(entries) for entries in part.values()]
                for part in result_inputs._by_video(map(Result, order))]

    monkeypatch.setattr(result_inputs, 'MAX_TOGETHER', 15)
    monkeypatch.setattr(result_inputs, 'MAX_PENDING', 45)
    assert parts('aaabbcdd') == [[3], [2], [1, 2]]
    # from where a video comes back on, parts are as large as they may be
    assert parts('aabbaaabbb') == [[2], [2, 3], [3]]
    assert parts('aaaaaaa') == [[5], [2]]
    assert parts('') == [[]]


@pytest.mark.parametrize('place', [2, 11])
def test_a_broken_mask_is_named(random_case, in_small_parts, place):
    random_case.results[place]['segmentations'][0] = dict(size=[40, 60], counts='1')
    video = random_case.results[place]['video_id']
    with pytest.raises(ValueError, match=rf'^result {place}, video {video}, segmentations\[0\]'):
        evaluate(random_case.gt, random_case.results)
    # the error that stands first in the file is the one that is told
    random_case.results[-1]['score'] = float('nan')
    with pytest.raises(ValueError, match=f'^result {place}'):
        evaluate(random_case.gt, random_case.results)


def test_a_broken_annotation_is_named(random_case, in_small_parts):
    random_case.gt['annotations'][9]['segmentations'][0] = dict(size=[40, 60], counts='1')
    with pytest.raises(ValueError, match=r'^annotation 10, video 2, segmentations\[0\]'):
        evaluate(random_case.gt, random_case.results)
