"""Fixtures of the dataset tests."""

import os
from pathlib import Path

import pytest

from tests.datasets.tiny_set import TinySet


@pytest.fixture
def tiny(tmp_path):
    return TinySet(tmp_path)


@pytest.fixture(scope='session')
def real_root():
    """Folder of recorded videos, when there is one."""
    default = Path(__file__).parents[3] / 'shared'
    root = Path(os.environ.get('MMTMT_SHARED', default)) / 'realdata'
    if not root.is_dir():
        pytest.skip('no recorded videos: MMTMT_SHARED is not set')
    return root
