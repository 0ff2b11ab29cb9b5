"""Files of results as servers want them, and everything that can be wrong with one at once."""

import copy
import gzip
import json
import runpy
import zipfile
from pathlib import Path

import pytest

from mmtmt.evaluation.functional import validate_submission, write_results, write_submission

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / 'tests' / 'golden'


@pytest.fixture
def good(case, box):
    """A result of each of two videos; the ground truth is hidden."""
    case.video(2, 1)
    case.result(1, [box(0, 10), None]).result(2, [box(5, 10)])
    del case.gt['annotations']
    return case


def kinds(path, gt, **options):
    return {problem.kind: problem.count for problem in validate_submission(path, gt, **options)}


def written(tmp_path, results, name='results.json'):
    path = tmp_path / name
    text = json.dumps(results)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith('.gz') else text.encode())
    return path


@pytest.mark.parametrize('name', 'abcdej')
def test_golden_results_have_nothing_but_repeats_and_missing_videos(name):
    gt, results = (GOLDEN / f'ytvis_eval_{name}_{side}.json.gz' for side in ('gt', 'results'))
    assert set(kinds(results, gt)) <= {'repeated result', 'video without results'}


def test_what_the_writer_writes_is_accepted(good, tmp_path):
    path = write_results(good.results, tmp_path / 'results.json')
    assert kinds(path, good.gt) == {}
    archive = write_submission(path, tmp_path / 'submission.zip')
    assert kinds(archive, good.gt) == {}
    assert kinds(written(tmp_path, good.results, 'r.json.gz'), good.gt) == {}
    size = archive.stat().st_size
    assert kinds(archive, good.gt, max_bytes=size) == {}
    (problem,) = validate_submission(archive, good.gt, max_bytes=size - 1)
    assert problem.kind == 'file too large' and f'{size} bytes' in str(problem)


@pytest.mark.parametrize(
    ('change', 'kind', 'text'),
    [
        ({'video_id': 8}, 'unknown video', 'video 8'),
        ({'video_id': [8]}, 'unknown video', r'video [8]'),
        ({'category_id': 4}, 'unknown category', 'category 4'),
        ({'category_id': 7, 'score': float('nan')}, 'score', 'finite score, got nan'),
        ({'category_id': 7, 'score': '0.5'}, 'score', "finite score, got '0.5'"),
        ({'category_id': 7, 'score': 10**400}, 'score', 'finite score'),
        ({'segmentations': [None]}, 'wrong number of masks', 'expected 2 segmentations'),
        ({'segmentations': None}, 'wrong number of masks', 'got None'),
        ({'segmentations': [{'size': [60, 40], 'counts': 'PhX5'}, None]}, 'mask', '[60, 40]'),
        ({'segmentations': [{'size': [40, 60], 'counts': [2400]}, None]}, 'mask', 'as a string'),
        ({'segmentations': [{'size': [40.0, 60], 'counts': 'P[2'}, None]}, 'mask', 'whole'),
        ({'segmentations': [[[1, 1, 9, 1, 9, 9]], None]}, 'mask', 'RLE or null'),
        ({'segmentations': [None, []]}, 'mask', 'RLE or null'),
        ({'segmentations': [None, {'size': [40, 60], 'counts': 'o'}]}, 'mask', 'cut short'),
    ],
)
def test_one_thing_is_wrong(good, tmp_path, change, kind, text):
    good.results.append({**copy.deepcopy(good.results[0]), **change})
    (problem,) = validate_submission(written(tmp_path, good.results), good.gt)
    assert problem.kind == kind and problem.count == 1
    assert problem.examples[0].startswith('result 2') and text in problem.examples[0]


def test_everything_is_wrong_at_once(good, box, tmp_path):
    worst = {
        'video_id': 1,
        'category_id': 99,
        'score': float('inf'),
        'segmentations': [{'size': [1, 1], 'counts': '1'}, {'size': [40, 60], 'counts': '1'}, 5],
    }
    good.results[1:] = [good.results[0], worst, {'video_id': 1}, 7]
    problems = validate_submission(written(tmp_path, good.results), good.gt)
    assert {problem.kind: problem.count for problem in problems} == {
        'repeated result': 1,
        'unknown category': 1,
        'score': 1,
        'wrong number of masks': 1,
        'mask': 3,
        'keys missing': 1,
        'not an object': 1,
        'video without results': 1,
    }
    (masks,) = [problem for problem in problems if problem.kind == 'mask']
    assert 'segmentations[2]: expected an RLE' in masks.examples[2]
    (repeated,) = [problem for problem in problems if problem.kind == 'repeated result']
    assert repeated.examples == ['result 1 has the masks of result 0']


def test_results_without_pixels_do_not_repeat_each_other(good, box, tmp_path):
    empty = box(0, 0)
    for masks in ([None, None], [None, None], [empty, None], [empty, None]):
        good.result(1, masks)
    assert kinds(written(tmp_path, good.results), good.gt) == {}


def test_examples_are_few_and_the_rest_is_counted(good, tmp_path):
    good.results += [{**good.results[0], 'category_id': n} for n in range(20, 40)]
    (problem,) = validate_submission(written(tmp_path, good.results), good.gt)
    assert problem.count == 20 and len(problem.examples) == 5
    assert str(problem).startswith('unknown category: 20\n  result 2: ')
    assert str(problem).endswith('\n  …')


@pytest.mark.parametrize(
    ('content', 'kind', 'text'),
    [
        ('[]', 'no results', 'empty'),
        ('{"results": []}', 'not a readable file', 'expected a list'),
        ('[{"video_id": 1', 'not a readable file', 'end of the file'),
        ('[' + '1' * 5000 + ']', 'not a readable file', 'too many digits'),
        ('', 'not a readable file', 'end of the file'),
    ],
)
def test_files_that_are_no_list(good, tmp_path, content, kind, text):
    path = tmp_path / 'results.json'
    path.write_text(content)
    problems = validate_submission(path, good.gt)
    assert problems[0].kind == kind and text in problems[0].examples[0]


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['results.json'], {}),
        (['results.json', 'readme.txt'], {'archive holds another file': 1}),
        (
            ['folder/results.json'],
            {
                'archive holds another file': 1,
                'no single results.json at the root of the archive': 1,
                'score': 1,
            },
        ),
        ([], {'no single results.json at the root of the archive': 1}),
    ],
)
def test_layout_of_the_archive(good, tmp_path, names, expected):
    if 'score' in expected:  # the results are looked at wherever they are
        good.results[0]['score'] = None
    with zipfile.ZipFile(tmp_path / 's.zip', 'w') as archive:
        for name in names:
            archive.writestr(name, json.dumps(good.results))
    assert kinds(tmp_path / 's.zip', good.gt) == expected


def test_broken_archives(good, tmp_path):
    (tmp_path / 'a.zip').write_text('[]')
    assert kinds(tmp_path / 'a.zip', good.gt) == {'not a readable file': 1}
    results = written(tmp_path, good.results)
    content = bytearray(write_submission(results, tmp_path / 'b.zip').read_bytes())
    content[60] ^= 255
    (tmp_path / 'b.zip').write_bytes(content)
    assert kinds(tmp_path / 'b.zip', good.gt) == {'not a readable file': 1}


@pytest.mark.parametrize('method', ['ZIP_DEFLATED', 'ZIP_BZIP2', 'ZIP_LZMA'])
def test_broken_members_name_the_archive(good, tmp_path, method):
    path = tmp_path / 'S.ZIP'
    with zipfile.ZipFile(path, 'w', getattr(zipfile, method)) as archive:
        archive.writestr('results.json', json.dumps(good.results * 20))
    assert kinds(path, good.gt) == {'repeated result': 38}
    content = bytearray(path.read_bytes())
    for place in range(60, 140):
        content[place] ^= 0x5A
    path.write_bytes(content)
    (problem,) = validate_submission(path, good.gt)
    assert problem.kind == 'not a readable file'
    assert problem.examples[0].startswith(f'{path}, results.json: ')


def test_tool(good, tmp_path, capsys):
    main = runpy.run_path(str(ROOT / 'tools' / 'validate_results.py'))['main']
    (tmp_path / 'gt.json').write_text(json.dumps(good.gt))
    path = written(tmp_path, good.results)
    main([str(tmp_path / 'gt.json'), str(path)])
    assert 'nothing to be said' in capsys.readouterr().out
    good.results[0]['score'] = None
    written(tmp_path, good.results)
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / 'gt.json'), str(path)])
    assert caught.value.code == f'{path}: 1 kind of problem'
    assert 'score: 1\n  result 0: expected a finite score, got None' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='nowhere.zip'):
        main([str(tmp_path / 'gt.json'), 'nowhere.zip'])


def test_what_else_is_wrong_with_an_entry_is_told_too(good, tmp_path):
    masks = [{'size': [1, 1], 'counts': 'é'}, 5, {'size': [1], 'counts': '1'}, None]
    good.results.append({**good.results[0], 'video_id': 77, 'segmentations': masks})
    good.results.append({'video_id': 1, 'category_id': 3})
    problems = {p.kind: p for p in validate_submission(written(tmp_path, good.results), good.gt)}
    assert list(problems) == ['unknown video', 'mask', 'keys missing']
    assert problems['mask'].count == 3
    assert problems['keys missing'].examples == ['result 3: score, segmentations missing']


def test_names_in_an_archive_are_shown_without_control_characters(good, tmp_path):
    archive = tmp_path / 'submission.zip'
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('results.json', json.dumps(good.results))
        file.writestr('\x1b[2Jevil\n.txt', '')
    (problem,) = validate_submission(archive, good.gt)
    assert '\x1b' not in str(problem) and r'\x1b[2Jevil\n.txt' in str(problem)
