import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'golden'


def run(*args):
    command = [sys.executable, str(ROOT / 'tools' / 'eval_results.py'), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def test_writes_metrics_and_arrays(tmp_path):
    case = GOLDEN / 'ytvis_eval_c'
    done = run(
        f'{case}_gt.json.gz',
        f'{case}_results.json.gz',
        *('--out', tmp_path / 'new' / 'metrics.json', '--arrays', tmp_path / 'arrays.npz'),
    )
    assert done.returncode == 0, done.stderr
    expected = np.load(f'{case}.npz')
    metrics = json.loads((tmp_path / 'new' / 'metrics.json').read_text())
    assert metrics['stats'] == pytest.approx(list(expected['stats']), abs=1e-12)
    with np.load(tmp_path / 'arrays.npz') as arrays:
        for name in ('precision', 'recall'):
            np.testing.assert_allclose(arrays[name], expected[name], rtol=0, atol=1e-12)
    assert 'AP50' in done.stdout and 'cat40' in done.stdout
    assert 'note: 52 results beyond the best 100 of a video and category' in done.stdout
    assert 'result 395 repeats result 225, with another score' in done.stdout


def test_names_that_are_no_text_are_printed_as_escapes(tmp_path):
    with gzip.open(GOLDEN / 'ytvis_eval_a_gt.json.gz') as file:
        gt = json.load(file)
    for category in gt['categories']:
        category['name'] = f'\ud800{category["id"]}'
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    results = GOLDEN / 'ytvis_eval_a_results.json.gz'
    done = run(tmp_path / 'gt.json', results, '--out', tmp_path / 'metrics.json')
    assert done.returncode == 0, done.stderr
    assert '\\ud800' in done.stdout
    names = {row['name'] for row in read(tmp_path / 'metrics.json')['per_category'].values()}
    assert names == {category['name'] for category in gt['categories']}


def test_files_are_written_before_anything_is_printed(tmp_path):
    case = GOLDEN / 'ytvis_eval_a'
    args = [f'{case}_gt.json.gz', f'{case}_results.json.gz', '--out', tmp_path / 'metrics.json']
    command = [sys.executable, '-u', ROOT / 'tools' / 'eval_results.py', *args]
    with open('/dev/full', 'w') as full:
        done = subprocess.run(list(map(str, command)), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and done.stderr.startswith(b'error: ')
    assert 'stats' in read(tmp_path / 'metrics.json')


def read(path):
    return json.loads(path.read_text())


def test_bad_input_is_one_line_without_a_traceback(tmp_path):
    (tmp_path / 'results.json').write_text('[{"video_id": 1}]')
    done = run(GOLDEN / 'ytvis_eval_c_gt.json.gz', tmp_path / 'results.json')
    assert done.returncode == 1
    where = f'error: {tmp_path / "results.json"}: result 0: '
    assert done.stderr == f'{where}category_id, segmentations missing\n'


def test_output_that_can_not_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / 'file').write_text('')
    for option, path in (('--out', tmp_path), ('--arrays', tmp_path / 'file' / 'arrays.npz')):
        done = run('nowhere.json', 'nowhere.json', option, path)
        assert done.returncode == 1 and done.stderr.startswith('error: '), done.stderr
        assert str(path if path.is_dir() else path.parent) in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_empty_annotations_may_be_hidden_ones(tmp_path):
    gt = {'videos': [], 'categories': [{'id': 1, 'name': 'cat'}], 'annotations': []}
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    (tmp_path / 'results.json').write_text('[]')
    done = run(tmp_path / 'gt.json', tmp_path / 'results.json')
    assert done.returncode == 0, done.stderr
    assert 'tools/dataset_converters/split_dataset.py' in done.stdout


@pytest.mark.parametrize(
    'written',
    [('--out', 'r.json'), ('--out', 'm', '--arrays', 'm'), ('--out', 'm', '--arrays', 'link')],
)
def test_nothing_that_is_needed_is_written_over(tmp_path, written):
    results = tmp_path / 'r.json'
    content = gzip.decompress((GOLDEN / 'ytvis_eval_a_results.json.gz').read_bytes())
    results.write_bytes(content)
    (tmp_path / 'link').symlink_to('m')
    options = [part if part.startswith('--') else tmp_path / part for part in written]
    done = run(GOLDEN / 'ytvis_eval_a_gt.json.gz', results, *options)
    assert done.returncode == 1
    assert 'is an input, which would be lost' in done.stderr or 'written twice' in done.stderr
    assert results.read_bytes() == content and not (tmp_path / 'm').exists()


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path):
    gt = json.loads(gzip.decompress((GOLDEN / 'ytvis_eval_a_gt.json.gz').read_bytes()))
    for category in gt['categories']:
        category['name'] = f'\x1b[2Jred\n{category["id"]}'
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    done = run(tmp_path / 'gt.json', GOLDEN / 'ytvis_eval_a_results.json.gz')
    assert done.returncode == 0, done.stderr
    assert '\x1b' not in done.stdout and r'\x1b[2Jred\n' in done.stdout
