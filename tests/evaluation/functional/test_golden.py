"""The official YouTube-VIS evaluator's numbers on seeded, generated cases."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mmtmt.evaluation import STATS_NAMES, evaluate

GOLDEN = Path(__file__).parents[2] / 'golden'
CASES = sorted(path.name[: -len('_gt.json.gz')] for path in GOLDEN.glob('ytvis_eval_*_gt.json.gz'))


@cache
def output_of(case):
    return evaluate(GOLDEN / f'{case}_gt.json.gz', GOLDEN / f'{case}_results.json.gz')


@pytest.mark.parametrize('case', CASES)
def test_equals_the_official_evaluator(case):
    expected = np.load(GOLDEN / f'{case}.npz')
    output = output_of(case)
    for name in ('stats', 'precision', 'recall'):
        np.testing.assert_allclose(output[name], expected[name], rtol=0, atol=1e-12, err_msg=name)
    assert [output[name] for name in STATS_NAMES] == output['stats']


@pytest.mark.parametrize('case', CASES)
def test_equals_the_official_evaluator_per_category(case):
    info = json.loads((GOLDEN / f'{case}.json').read_text())
    output = output_of(case)
    assert output['category_ids'] == info['category_ids']
    assert output['counts']['crowd_objects'] == info['contents']['crowd']
    for category_id, expected in info['per_category'].items():
        for name, value in expected.items():
            assert output['per_category'][int(category_id)][name] == pytest.approx(value, abs=1e-12)


def test_all_cases_are_there():
    assert len(CASES) == 6


def test_needs_no_torch():
    code = 'import sys, mmtmt.evaluation; print({"torch", "mmengine", "mmdet"} & set(sys.modules))'
    output = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == 'set()'
