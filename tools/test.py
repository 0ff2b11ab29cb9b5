"""Tests a model: one table with a row per dataset.

python tools/test.py CONFIG CHECKPOINT --out results.json --show-dir overlays
tools/dist_test.sh CONFIG CHECKPOINT 8           # several processes
"""

import argparse
import json
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from mmtmt.engine import load_checkpoint_file, trusted_checkpoints
from mmtmt.engine.config_check import ConfigError
from mmtmt.engine.launch import add_run_arguments, build_runner, prepare_run, run_tool
from mmtmt.evaluation.functional import write_results
from mmtmt.utils.output import check_writable

METRIC = 'VideoInstanceMetric'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file, or mmtmt::folder/name.py')
    parser.add_argument('checkpoint', help='.pth or .safetensors')
    parser.add_argument(
        '--out',
        type=Path,
        metavar='RESULTS.json',
        help='write the predictions in the YouTube-VIS form, and per dataset a zip to submit; '
        'of several datasets each entry tells its own',
    )
    parser.add_argument('--show-dir', help='draw the predictions of every video into this folder')
    parser.add_argument('--show-score', type=float, default=0.3, help='least score to be drawn')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: bfloat16 on CPUs and on the GPUs that have it, else float16',
    )
    add_run_arguments(parser)
    return parser.parse_args()


def use_amp(cfg: Config) -> None:
    """Make the test loop predict in mixed precision.

    Args:
        cfg: The config, changed in place.
    """
    cfg.test_cfg.fp16 = True  # mmengine's name for autocast of whatever type is set
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(
            including_emulation=False):
        torch.set_autocast_dtype('cuda', torch.bfloat16)


def write_files_to(cfg: Config, folder: Path) -> list[str]:
    """Make the metric write its results.

    Args:
        cfg: The config, changed in place.
        folder: Where to.

    Returns:
        The names of the datasets.

    Raises:
        ConfigError: If the config has no such metric.
    """
    evaluator = cfg.get('test_evaluator') or []
    for metric in evaluator if isinstance(evaluator, list) else [evaluator]:
        if metric.get('type', '').split('.')[-1] == METRIC:
            metric.outfile_prefix = str(folder)
            return list(metric.ann_files)
    raise ConfigError(f'--out needs a test_evaluator of type {METRIC} in the config')


def check_results_writable(out: Path, folder: Path, datasets: list[str]) -> None:
    """Make sure of what `write_files_to` and `merge_results` will need, before the test.

    Args:
        out: File of all results.
        folder: Where each dataset has a file.
        datasets: Their names.

    Raises:
        ConfigError: If a file can't be written.
    """
    try:
        check_writable(out, *(folder / name / 'results.json' for name in datasets))
    except OSError as error:
        raise ConfigError(f'--out: {error}') from error


def merge_results(folder: Path, datasets: list[str], out: Path) -> None:
    """Put the results of all datasets into one file.

    Args:
        folder: Where the metric wrote ``DATASET/results.json``.
        datasets: Their names.
        out: File to write.
    """
    entries = []
    for name in datasets:
        part = json.loads((folder / name / 'results.json').read_text())
        entries += part if len(datasets) == 1 else [{**entry, 'dataset': name} for entry in part]
    write_results(entries, out)
    print_log(f'wrote {out}; per dataset, and to submit: {folder}', 'current')


def main() -> None:
    """Test as the command line says."""
    args = parse_args()
    if args.out is not None and args.out.suffix != '.json':
        raise ConfigError(f'--out takes a name that ends with .json, got {args.out}')
    cfg = prepare_run(args)
    if args.amp:
        use_amp(cfg)
    with trusted_checkpoints(args.trust_checkpoint):
        load_checkpoint_file(args.checkpoint)  # before the datasets are read, which takes long
        cfg.load_from = args.checkpoint
        cfg.resume = False
        cfg.strict_load = True
        if args.show_dir:
            hook = dict(
                type='VISVisualizationHook', show_dir=args.show_dir, min_score=args.show_score
            )
            cfg.custom_hooks = [*cfg.get('custom_hooks', []), hook]
        folder = args.out.with_suffix('') if args.out else None
        datasets = write_files_to(cfg, folder) if folder else []
        if folder:
            check_results_writable(args.out, folder, datasets)
        build_runner(cfg).test()
    if folder and is_main_process():
        merge_results(folder, datasets, args.out)


if __name__ == '__main__':
    run_tool(main)
