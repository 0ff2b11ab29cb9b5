"""Everything that there are reference numbers for, computed by this package."""

import os
from pathlib import Path

import pytest
import torch

from mmtmt.testing import check, find_fixtures, find_runner

GOLDEN = Path(__file__).parents[1] / 'golden'
SHARED = Path(os.environ.get('MMTMT_SHARED', Path(__file__).parents[3] / 'shared')) / 'golden'
OTHERS = find_fixtures(SHARED) if SHARED.is_dir() else []


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize('path', find_fixtures(GOLDEN), ids=lambda path: path.name)
def test_shipped_fixture(path):
    outcome = check(path)
    assert outcome.status == 'pass', outcome.line()


@pytest.mark.realdata
@pytest.mark.skipif(not OTHERS, reason=f'no fixtures in {SHARED}')
@pytest.mark.parametrize(
    'path',
    [
        path
        for path in OTHERS
        if find_runner(path.name) and not (GOLDEN / f'{path.name}.npz').is_file()
    ],
    ids=lambda path: path.name,
)
def test_further_fixture(path):
    outcome = check(path)
    assert outcome.status == 'pass', outcome.line()


def test_fixtures_stay_small():
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 4e6
