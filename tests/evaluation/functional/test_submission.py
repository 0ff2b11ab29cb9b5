import json
import zipfile

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
    with pytest.raises(TypeError):
        write_results([{**random_case.results[0], 'extra': object()}], path)
    assert path.read_bytes() == before
