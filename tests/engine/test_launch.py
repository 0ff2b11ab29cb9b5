"""How the tools begin, and how they end when the user can mend what is wrong."""

import argparse
import os
import weakref

import pytest
import torch.distributed
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel

from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.engine.config_check import ConfigError
from mmtmt.engine.launch import (
    add_run_arguments,
    build_runner,
    prepare_run,
    read_config,
    run_tool,
)
from mmtmt.structures.images import FrameError
from tests.engine.toy import toy_config
from tests.ports import free_port


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


@pytest.mark.parametrize('built_for', [None, '12.8'])
def test_a_gpu_that_is_missed_is_told(monkeypatch, tmp_path, built_for):
    messages = []
    monkeypatch.setattr(
        'mmtmt.engine.launch.print_log', lambda message, *_: messages.append(message)
    )
    monkeypatch.setattr('torch.version.cuda', built_for)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    (tmp_path / 'config.py').write_text('')
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    add_run_arguments(parser)
    prepare_run(parser.parse_args([str(tmp_path / 'config.py')]))
    told = [message for message in messages if 'finds no GPU; running on the CPU' in message]
    assert len(told) == (built_for is not None)


def test_a_tool_ends_the_group_of_processes_that_it_began(monkeypatch, tmp_path):
    settings = dict(
        RANK=0, WORLD_SIZE=1, LOCAL_RANK=0, MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port(),
        CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS=1, MKL_NUM_THREADS=1,
    )  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    groups = []

    def tool():
        runner = build_runner(Config(toy_config(tmp_path, launcher='pytorch')))
        runner.train()
        assert isinstance(runner.model, MMDistributedDataParallel)
        groups.append(weakref.ref(torch.distributed.group.WORLD))

    run_tool(tool)
    assert not torch.distributed.is_initialized()
    assert groups[0]() is None  # its threads would abort the process at its end


@pytest.mark.parametrize(
    ('base', 'config', 'message'),
    [
        ('a = 1\nb = dict(\n', 'c = 1\n', r'base.py, line 2: SyntaxError'),
        ('a = 1\n', 'c = 1\n\nd = dict(e=\n', r'top.py, line 4: SyntaxError'),
        ('a = 1\n', 'c = 1\nd = nothing\n', r"top.py, line 3: NameError: name 'nothing'"),
        ('a = dict(b=1)\n', 'd = _base_.a.c\n', r'top.py, line 2: AttributeError'),
        ('_base_ = "./none.py"\n', 'c = 1\n', r'none.py'),
    ],
)
def test_a_config_that_can_not_be_run_is_named_with_its_line(tmp_path, base, config, message):
    (tmp_path / 'base.py').write_text(base)
    (tmp_path / 'top.py').write_text("_base_ = './base.py'\n" + config)
    with pytest.raises(ConfigError, match=message):
        read_config(str(tmp_path / 'top.py'), {})
