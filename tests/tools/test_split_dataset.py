"""Held-out parts: whole videos, nothing lost, nothing on both sides."""

import json
import re
import runpy
from pathlib import Path

import pytest

from mmtmt.evaluation.functional import read_ground_truth
from mmtmt.evaluation.functional.inputs import HIDDEN_GROUND_TRUTH

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / 'tools/dataset_converters/split_dataset.py'))
main, split, groups_of = (TOOL[name] for name in ('main', 'split', 'groups_of'))


@pytest.fixture
def data():
    """Twenty videos of a frame with an object each, a folder per video."""
    return {
        'info': {'version': 1},
        'licenses': [{'id': 1, 'name': 'free'}],
        'videos': [
            {
                'id': n,
                'height': 4,
                'width': 6,
                'length': 1,
                'file_names': [f'v{n}/0.jpg'],
            }
            for n in range(20)
        ],
        'categories': [{'id': 3, 'name': 'cat'}, {'id': 91, 'name': 'other'}],
        'annotations': [
            {
                'id': n + 1,
                'video_id': n,
                'category_id': 91 if n == 4 else 3,
                'iscrowd': 0,
                'segmentations': [{'size': [4, 6], 'counts': [0, 24]}],
            }
            for n in range(20)
        ],
    }


def ids(part):
    return {video['id'] for video in part['videos']}


def test_message_on_hidden_ground_truth_names_a_tool():
    (path,) = re.findall(r'tools/\S+\.py', HIDDEN_GROUND_TRUTH)
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(
    ('options', 'expected'), [({}, 2), ({'fraction': 0.33}, 7), ({'count': 19}, 19)]
)
def test_every_video_is_on_one_side(data, options, expected):
    parts = split(data, seed=0, **options)
    train, valid = parts['train'], parts['valid']
    assert len(ids(valid)) == expected and not ids(train) & ids(valid)
    assert ids(train) | ids(valid) == ids(data)
    assert (
        sorted(train['annotations'] + valid['annotations'], key=lambda a: a['id'])
        == (data['annotations'])
    )
    for part in (train, valid):
        assert {a['video_id'] for a in part['annotations']} == ids(part)
        for key in ('info', 'licenses', 'categories'):
            assert part[key] == data[key]
        assert len(read_ground_truth(part).videos) == len(part['videos'])


def test_seed_decides(data):
    chosen = [ids(split(data, count=5, seed=seed)['valid']) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_videos_of_a_folder_and_of_a_source_stay_together(data):
    for n in range(0, 20, 2):
        folder = data['videos'][n + 1]['file_names'][0].split('/')[0]
        data['videos'][n]['file_names'] = [f'{folder}/1.jpg']
    # A chain: 0 and 1 share a folder, 1 and 2 a source, 2 and 3 a folder.
    data['videos'][1]['ytid'] = data['videos'][2]['ytid'] = 'abc'
    assert groups_of(data['videos'])[:2] == [[0, 1, 2, 3], [4, 5]]
    for seed in range(20):
        held = ids(split(data, count=6, seed=seed)['valid'])
        assert len(held) == 6
        assert all((n in held) == (n + 1 in held) for n in range(0, 20, 2))
        assert (0 in held) == (3 in held)
    assert len(ids(split(data, count=1, seed=0)['valid'])) == 2


def test_one_folder_for_all_says_nothing(data):
    for video in data['videos']:
        video['file_names'] = [f'frames/{video["id"]}.jpg']
    assert len(groups_of(data['videos'])) == 20
    for video in data['videos']:
        video['ytid'] = 'abc'
    with pytest.raises(ValueError, match='one source'):
        split(data, count=1, seed=0)


def test_chains_of_many_videos_are_followed_fast():
    videos = [{'id': n, 'file_names': [f'{n + 1}/0.jpg', f'{n}/0.jpg']} for n in range(5000)]
    assert groups_of(videos[::-1]) == [list(range(4999, -1, -1))]


def test_larger_groups_than_were_asked_for(data, tmp_path, capsys):
    for video in data['videos']:
        video['file_names'] = [f'{video["id"] // 5}/{video["id"]}.jpg']
    (tmp_path / 'all.json').write_text(json.dumps(data))
    for count, held in ((3, 5), (8, 5), (10, 10)):
        out = str(tmp_path / str(count))
        main([str(tmp_path / 'all.json'), '--out', out, '--count', str(count)])
        note = (
            f'note: asked for {count} videos, {held} held out, since videos of one folder or '
            'source stay together'
        )
        assert (note in capsys.readouterr().out) == (count != held)
    with pytest.raises(SystemExit, match='asked for 2 videos, .* the fewest of one are 5'):
        main([str(tmp_path / 'all.json'), '--out', str(tmp_path / 'new')])
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('options', [{'fraction': v} for v in (0, 1, -1, float('nan'))])
def test_fractions_without_sense(data, options):
    with pytest.raises(ValueError, match='between 0 and 1'):
        split(data, seed=0, **options)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'annotations': []}, 'no annotations'),
        ({'annotations': None}, 'no annotations'),
        ({'annotations': [{'video_id': 99}]}, r'annotations\[0\] is of no video'),
        ({'videos': 5}, 'a file of videos'),
        ({'videos': [{'id': 1}, {'id': 1}]}, r'videos\[1\]: the id 1 stands twice'),
        ({'annotations': [{'video_id': [1]}]}, r'annotations\[0\] is of no video'),
        ({'annotations': [{'video_id': 1}]}, r'annotations\[0\] has no category_id'),
        (
            {'annotations': [{'video_id': 1, 'category_id': [1]}]},
            r'annotations\[0\] has no category_id',
        ),
        ({'categories': []}, 'no categories'),
        ({'categories': {'id': 1}}, 'no categories'),
        ({'categories': [None]}, r'categories\[0\] has no id'),
        ({'categories': [{'id': [1]}]}, r'categories\[0\] has no id'),
        ({'extra': [{'video_id': 1}, {'video_id': [1]}]}, r'extra\[1\]: .* got \[1\]'),
    ],
)
def test_files_without_sense(data, change, message):
    with pytest.raises(ValueError, match=message):
        split({**data, **change}, seed=0)


@pytest.mark.parametrize('count', [0, -1, 20, 21])
def test_counts_without_sense(data, count):
    with pytest.raises(ValueError, match='not all of 20 videos'):
        split(data, count=count, seed=0)


def test_tool(data, tmp_path, capsys):
    (tmp_path / 'all.json').write_text(json.dumps(data))
    args = [str(tmp_path / 'all.json'), '--out', str(tmp_path / 'new'), '--count', '4']
    main(args)
    printed = capsys.readouterr().out
    rows = re.findall(r'\| (\w+) +\| +(\d+) \| +(\d+) \|', printed)
    assert [name for name, *_ in rows] == ['cat', 'other', 'objects', 'videos']
    assert rows[-1][1:] == ('16', '4') and sum(map(int, rows[1][1:])) == 1
    assert 'note: 1 of the categories above have no objects in' in printed
    valid = json.loads((tmp_path / 'new' / 'valid.json').read_text())
    assert len(valid['videos']) == 4
    with pytest.raises(SystemExit, match='there already'):
        main(args)
    main([*args, '--overwrite'])
    with pytest.raises(SystemExit, match='nowhere.json'):
        main(['nowhere.json', '--out', str(tmp_path / 'x')])


def test_names_that_are_no_text_are_printed_as_escapes(data, tmp_path, capsys):
    data['categories'][0]['name'] = '\ud800'
    data['categories'][1]['name'] = None
    (tmp_path / 'all.json').write_text(json.dumps(data))
    main([str(tmp_path / 'all.json'), '--out', str(tmp_path / 'new')])
    printed = capsys.readouterr().out
    assert '\\ud800' in printed and 'None' in printed
    valid = json.loads((tmp_path / 'new' / 'valid.json').read_text())
    assert valid['categories'] == data['categories']


def test_a_part_without_objects_is_refused(data):
    chosen = ids(split(data, count=5, seed=0)['valid'])
    data['annotations'] = [a for a in data['annotations'] if a['video_id'] not in chosen]
    with pytest.raises(ValueError, match='valid would hold 5 videos without an object: take anoth'):
        split(data, count=5, seed=0)


def test_ids_are_those_that_the_evaluator_takes(data):
    data['videos'][0]['id'] = 0.5
    data['annotations'][0]['video_id'] = 0.5
    parts = split(data, seed=0)
    assert 0.5 in ids(parts['train']) | ids(parts['valid'])
    data['videos'][0]['id'] = True
    with pytest.raises(ValueError, match=r'videos\[0\] has no id'):
        split(data, seed=0)
