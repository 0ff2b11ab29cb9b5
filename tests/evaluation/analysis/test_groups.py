from pathlib import Path

import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis import analyze

GOLDEN = Path(__file__).parents[2] / 'golden'


@pytest.mark.parametrize('name', 'abj')
def test_sizes_are_those_of_the_official_evaluator(name):
    files = [GOLDEN / f'ytvis_eval_{name}_{side}.json.gz' for side in ('gt', 'results')]
    output, groups = evaluate(*files), analyze(*files, replicates=1)['groups']
    for size, row in groups['size'].items():
        for kind, value in (('AP', row['AP']), ('AR', row['AR100'])):
            expected = output[f'{kind}_{size}']
            assert value is None if expected == -1 else value == pytest.approx(expected)
    # All videos are short: the group is the whole.
    for key in ('AP', 'AP50', 'AP75', 'AR100'):
        assert groups['video length']['short'][key] == pytest.approx(output[key])
    objects = output['counts']['objects'] - output['counts']['crowd_objects']
    for groups_of_one in groups.values():
        assert sum(row['objects'] for row in groups_of_one.values()) == objects


def test_lengths(case, box):
    case.video(2, 40)
    here = [box(0, 10)] * 40
    brief = [box(30, 40)] * 20 + [None] * 20
    case.object(2, here).object(2, brief).object(1, [box(0, 10), None])
    # The long track is found, the other two are not; a wrong result has 15 frames.
    case.result(2, here, 0.5).result(2, [box(50, 60)] * 15 + [None] * 25, 0.9)
    groups = analyze(case.gt, case.results, replicates=1)['groups']
    tracks, videos = groups['track length'], groups['video length']
    assert {name: row['AP'] for name, row in tracks.items()} == pytest.approx(
        {'short': 0, 'medium': 0, 'long': 1}
    )
    assert {name: row['objects'] for name, row in videos.items()} == {
        'short': 1,
        'medium': 0,
        'long': 2,
    }
    assert videos['medium']['AP'] is None
    assert videos['long']['AP'] == pytest.approx(51 / 101 / 2) and videos['short']['AP'] == 0
    assert 'occlusion' not in groups


def test_occlusion(case, box):
    left, middle, right = box(0, 10), box(20, 30), box(40, 50)
    case.video(2, 3)
    levels = {
        'no': 'no_occlusion',
        'slight': 'slight_occlusion',
        'severe': 'severe_occlusion',
        '-': None,
    }
    for segmentations, words in (
        ([left] * 3, 'slight slight slight'),  # 0.25
        ([middle, middle, None], 'slight severe severe'),  # 0.5, the last frame isn't visible
        ([right] * 3, 'no severe -'),  # 0.375
        ([box(0, 10, 20, 30)] * 3, 'severe severe slight'),  # 0.58
    ):
        case.object(2, segmentations)
        case.gt['annotations'][-1]['occlusion'] = [levels[word] for word in words.split()]
    case.object(1, [left, left])  # nothing is known of this one
    case.result(2, [left] * 3, 0.9).result(2, [box(0, 10, 20, 30)] * 3, 0.5)
    case.result(2, [box(50, 60)] * 3, 0.7)
    occlusion = analyze(case.gt, case.results, replicates=1)['groups']['occlusion']
    assert {name: row['objects'] for name, row in occlusion.items()} == {
        'slight': 1,
        'moderate': 2,
        'heavy': 1,
    }
    # The wrong result counts in every group.
    assert {name: row['AP'] for name, row in occlusion.items()} == pytest.approx(
        {'slight': 1, 'moderate': 0, 'heavy': 0.5}
    )
    case.gt['annotations'][0]['occlusion'] = ['half'] * 3
    with pytest.raises(ValueError, match="annotation 1: .* got 'half'"):
        analyze(case.gt, case.results, replicates=1)
    case.gt['annotations'][0]['occlusion'] = [1, ['a'], None]
    with pytest.raises(ValueError, match='annotation 1: .* got 1'):
        analyze(case.gt, case.results, replicates=1)
