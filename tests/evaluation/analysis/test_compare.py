import json

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis import ERROR_KINDS, SAMPLED_NAMES, compare

# The objects of these cases are small.
MEASURED = [name for name in SAMPLED_NAMES if name not in ('AP_medium', 'AP_large')]


@pytest.fixture
def two_sides(case, box):
    """Twelve videos: both find the cat, the second also the dog, with a worse mask."""
    left, right, half = box(0, 10), box(30, 40), box(30, 36)
    sides = [], []
    for video in range(1, 13):
        if video > 1:
            case.video(video)
        case.object(video, [left, left]).object(video, [right, right], category_id=7)
        for side, mask in zip(sides, (box(50, 60), half), strict=True):
            case.results = side
            case.result(video, [left, left]).result(video, [mask, mask], category_id=7)
    return case.gt, {'one': sides[0], 'two': sides[1]}


def test_better_side(two_sides):
    gt, results = two_sides
    output = compare(gt, results, replicates=400)
    assert output['names'] == ['one', 'two'] and tuple(output['numbers']) == SAMPLED_NAMES
    for name in ('AP', 'AP50', 'AR100'):
        row = output['numbers'][name]
        expected = [evaluate(gt, side)[name] for side in results.values()]
        assert row['values'] == pytest.approx(expected)
        (difference,) = row['differences']
        assert difference['difference'] == pytest.approx(expected[1] - expected[0])
        # Every video is the same, so that every sample is.
        assert difference['interval'] == pytest.approx([difference['difference']] * 2)
        assert difference['p_value'] < 0.02
    categories = {row['name']: row['differences'][0]['difference'] for row in output['categories']}
    # An IoU of 0.6 is enough at 0.5, 0.55 and 0.6.
    assert categories == pytest.approx({'cat': 0, 'dog': 0.3})
    assert output['numbers']['AP_small'] == output['numbers']['AP']
    nothing = {'difference': None, 'interval': None, 'p_value': None}
    assert output['numbers']['AP_large'] == {'values': [None, None], 'differences': [nothing]}
    assert output['errors'].keys() == set(ERROR_KINDS)
    assert output['remarks'] == [[], []]
    assert output['errors']['background']['counts'] == [12, 0]
    assert output['errors']['missed']['AP50_gains'] == pytest.approx([0.5, 0])
    json.dumps(output)


def test_sides_change_places(two_sides):
    gt, results = two_sides
    there = compare(gt, results, replicates=50)['numbers']
    back = compare(gt, dict(reversed(results.items())), replicates=50)['numbers']
    for name in MEASURED:
        a, b = there[name]['differences'][0], back[name]['differences'][0]
        assert a['difference'] == pytest.approx(-b['difference'])
        assert a['p_value'] == pytest.approx(b['p_value'])


def test_a_side_and_itself(random_case):
    results = {'a': random_case.results, 'b': random_case.results[::-1], 'c': random_case.results}
    numbers = compare(random_case.gt, results, replicates=60)['numbers']
    for row in (numbers[name] for name in MEASURED):
        assert len(row['differences']) == 2
        for difference in row['differences']:
            assert difference['p_value'] == 1
            assert [difference['difference'], *difference['interval']] == pytest.approx([0] * 3)


def test_noise_is_not_found_significant(case, box):
    # Each side finds the object in a random half of 40 videos.
    rng = np.random.default_rng(1)
    mask, sides = box(0, 10), ([], [])
    for video in range(1, 41):
        if video > 1:
            case.video(video)
        case.object(video, [mask, mask])
        for side in sides:
            case.results = side
            right = rng.random() < 0.5
            case.result(video, [mask if right else box(40, 50)] * 2, float(rng.random()))
    row = compare(case.gt, dict(zip('ab', sides, strict=True)), replicates=300)['numbers']['AP']
    (difference,) = row['differences']
    assert difference['p_value'] > 0.05
    assert difference['interval'][0] < 0 < difference['interval'][1]


def test_one_side_is_refused(random_case):
    with pytest.raises(ValueError, match=r"two or more .* got \['a'\]"):
        compare(random_case.gt, {'a': random_case.results})
