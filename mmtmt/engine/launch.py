"""What the command-line tools share: reading a config and its changes from the command line."""

import argparse
import logging
import os
import platform
import sys
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.config import config as config_module
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.utils import get_installed_path

from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.engine.checkpoint import CheckpointError
from mmtmt.engine.config_check import ConfigError, check_overrides
from mmtmt.engine.process_group import end_process_group
from mmtmt.engine.runner import VISRunner
from mmtmt.structures.images import FrameError
from mmtmt.utils.memory import keep_freed_memory

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of training and testing.

    Args:
        parser: Where to add them.
    """
    parser.add_argument('--work-dir', help='where to write; default: work_dirs/NAME_OF_CONFIG')
    add_cfg_options(parser)
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='let code in a checkpoint run when it holds more than plain data',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='starts processes')
    # torch.distributed.launch passes it; torchrun uses the environment.
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``.

    Args:
        parser: Where to add it.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='changes of the config, such as optim_wrapper.optimizer.lr=1e-5',
    )


def read_config(path: str, options: dict) -> Config:
    """Read a config and apply changes to it.

    Args:
        path: A file, or ``mmtmt::folder/name.py`` for a config that the package carries.
        options: Dotted key -> value.

    Returns:
        The config.

    Raises:
        ConfigError: There is no such file, it or a file that it inherits from can't be run, or a
            key of the options is misspelt.
    """
    if '::' in path:
        package, name = path.split('::', 1)
        if find_spec(package) is None:
            raise ConfigError(f'config {path}: there is no package {package!r}')
        path = os.path.join(get_installed_path(package), '.mim', 'configs', name)
    if not Path(path).is_file():
        raise ConfigError(f'config {path} does not exist')
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is a program: it may raise anything
        kind = type(error).__name__
        raise ConfigError(f'config {_place_in_config(error, path)}: {kind}: {error}') from error
    check_overrides(cfg, options)
    cfg.merge_from_dict(options)
    return cfg


def _place_in_config(error: Exception, path: str) -> str:
    """The file that could not be read, of those that a config inherits from, and where known the
    line."""
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get('__name__') == config_module.__name__:
            # mmengine reads one file in the other: the innermost one is the one that failed
            inner = frame.f_locals.get('filename')
            path, line = (str(inner), None) if inner else (path, line)
        elif frame.f_code.co_filename == path:
            line = number
    if isinstance(error, SyntaxError):
        line = error.lineno
    return path if line is None else f'{path}, line {line}'


def prepare_run(args: argparse.Namespace) -> Config:
    """Turn the arguments of :func:`add_run_arguments` into a config.

    Args:
        args: Parsed arguments with ``config``.

    Returns:
        The config with launcher and work directory set.
    """
    local_rank = str(args.local_rank)
    if args.launcher == 'mpi':  # mmengine reads it from there, but DDP from LOCAL_RANK
        local_rank = os.environ.get('OMPI_COMM_WORLD_LOCAL_RANK', local_rank)
    os.environ.setdefault('LOCAL_RANK', local_rank)
    cfg = read_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = f'work_dirs/{Path(args.config).stem}'
    if torch.version.cuda and not torch.cuda.is_available():
        # on one node of several the others would wait for it: this tells which one
        print_log(
            f'{platform.node()}: this PyTorch is built for CUDA {torch.version.cuda}, but finds no '
            'GPU; running on the CPU', 'current', logging.WARNING)
    if not torch.cuda.is_available() and keep_freed_memory():
        print_log('keeping freed memory; MMTMT_KEEP_FREED_MEMORY=0 returns it', 'current')
    return cfg


def build_runner(cfg: Config) -> VISRunner:
    """Build the runner that a config asks for.

    Args:
        cfg: The config; ``runner_type`` names another class than VISRunner.

    Returns:
        The runner.
    """
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader') or {}
        if loader.get('persistent_workers') and not loader.get('num_workers'):
            # so that num_workers=0 on the command line is enough
            loader.persistent_workers = False
    return RUNNERS.build(cfg) if 'runner_type' in cfg else VISRunner.from_cfg(cfg)


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool; what the user can mend ends it with one line instead of a traceback.

    That is a mistake in config or arguments, a checkpoint of another model, a missing file, an
    annotation file with a mistake, or a frame that can't be read. After a tool that succeeded the
    process leaves those that it ran with.

    Args:
        main: The tool.
    """
    try:
        main()
    except (ConfigError, CheckpointError) as error:
        sys.exit(f'error: {error}')
    except (AnnotationError, FrameError) as error:
        # From a data worker it comes with the traceback of there, which the message ends.
        kind = type(error).__name__
        sys.exit(f'error: {str(error).strip().rpartition(f"{kind}: ")[2]}')
    except FileNotFoundError as error:
        missing = f'{error.filename} does not exist' if error.filename else str(error)
        sys.exit(f'error: {missing}; paths in configs start from {os.getcwd()}')
    end_process_group()
