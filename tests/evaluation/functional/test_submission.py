import json
import zipfile

import numpy as np
import pytest

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.functional import write_results, write_submission


def test_written_results_evaluate_to_the_same(random_case, tmp_path):
    for result in random_case.results:
        for mask in result['segmentations']:
            if mask:
                mask['counts'] = mask['counts'].encode()
    expected = evaluate(random_case.gt, random_case.results)['stats']
    path = write_results(random_case.results, tmp_path / 'new' / 'results.json')
    assert evaluate(random_case.gt, path)['stats'] == expected

    archive = write_submission(path, tmp_path / 'submission.zip')
    with zipfile.ZipFile(archive) as file:
        assert file.namelist() == ['results.json']
        assert json.loads(file.read('results.json')) == json.loads(path.read_text())


def test_failed_write_keeps_the_file_before(random_case, tmp_path):
    path = write_results(random_case.results, tmp_path / 'results.json')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"result 1: .* can not be written .*'extra'"):
        write_results([random_case.results[0], {**random_case.results[1], 'extra': {1}}], path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ['results.json']


def test_empty_list_is_written(tmp_path):
    assert json.loads(write_results([], tmp_path / 'results.json').read_text()) == []


def test_numpy_and_run_lengths_become_plain(case, box, tmp_path):
    mask = box(0, 10)
    case.object(1, [mask, None])
    runs = np.array([0, *[10, 30] * 9, 10, 30 + 40 * 50])
    result = {
        'video_id': np.int64(1),
        'category_id': np.int32(3),
        'score': np.float32(0.5),
        'segmentations': ({'size': np.array([40, 60]), 'counts': runs}, None),
        'seen': np.array([1, 2]),
    }
    path = write_results(iter([result]), tmp_path / 'results.json')
    assert json.loads(path.read_text()) == [
        {
            'video_id': 1,
            'category_id': 3,
            'score': 0.5,
            'segmentations': [mask, None],
            'seen': [1, 2],
        }
    ]
    assert evaluate(case.gt, path)['AP'] == pytest.approx(1)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'score': float('nan')}, 'result 1: expected a finite score, got nan'),
        ({'extra': float('inf')}, "result 1: .*'extra'"),
        ({'category_id': None}, 'result 1: expected the category_id'),
        ({'segmentations': None}, 'result 1: expected segmentations as a list, got None'),
        ({'segmentations': ['x']}, r"result 1, segmentations\[0\]: expected an RLE .* got 'x'"),
        (
            {'segmentations': [None, {'size': [40, 60], 'counts': [1]}]},
            r'result 1, segmentations\[1\]: expected run lengths that cover 40 x 60',
        ),
    ],
)
def test_what_no_server_reads_is_refused(random_case, tmp_path, change, message):
    random_case.results[1].update(change)
    with pytest.raises(ValueError, match=message):
        write_results(random_case.results, tmp_path / 'results.json')
    assert not list(tmp_path.iterdir())
