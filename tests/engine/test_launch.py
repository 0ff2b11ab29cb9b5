"""How the tools begin, and how they end when the user can mend what is wrong."""

import argparse
import os

import pytest

from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.engine.launch import add_run_arguments, prepare_run, run_tool
from mmtmt.structures.images import FrameError


@pytest.mark.parametrize('kind', [AnnotationError, FrameError])
@pytest.mark.parametrize('before', ['', 'Caught {0} in worker 0.\nOriginal ...\n  line 3\nx.{0}: '])
def test_errors_in_data_are_one_line_from_workers_too(kind, before):
    def tool():
        raise kind(before.format(kind.__name__) + 'zoo, video 1: annotation 2: too short')

    with pytest.raises(SystemExit) as exit_:
        run_tool(tool)
    assert exit_.value.code == 'error: zoo, video 1: annotation 2: too short'


def test_errors_in_the_code_keep_their_traceback():
    def tool():
        raise ValueError('a bug')

    with pytest.raises(ValueError, match='a bug'):
        run_tool(tool)


def test_mpi_gives_each_process_its_own_device(monkeypatch, tmp_path):
    (tmp_path / 'config.py').write_text('a = 1\n')
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    add_run_arguments(parser)
    monkeypatch.setenv('OMPI_COMM_WORLD_LOCAL_RANK', '3')
    for launcher, rank in (('mpi', '3'), ('none', '0')):
        monkeypatch.setenv('LOCAL_RANK', 'to be restored')
        monkeypatch.delenv('LOCAL_RANK')
        prepare_run(parser.parse_args([str(tmp_path / 'config.py'), '--launcher', launcher]))
        assert os.environ['LOCAL_RANK'] == rank
