"""Trains a model.

python tools/train.py configs/tmt_vis/CONFIG.py
python tools/train.py CONFIG --resume            # continue the newest checkpoint of the work dir
tools/dist_train.sh CONFIG 8                     # several processes
"""

import argparse

import torch
from mmengine.config import Config

from mmtmt.engine import trusted_checkpoints
from mmtmt.engine.config_check import ConfigError
from mmtmt.engine.launch import add_run_arguments, build_runner, prepare_run, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file, or mmtmt::folder/name.py')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue a run exactly; without a path the newest checkpoint of the work dir, '
        'or the beginning if there is none',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision, needs a GPU')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate by the batch size over the config's auto_scale_lr",
    )
    parser.add_argument('--seed', type=int, help='seed of weights, data and random points')
    add_run_arguments(parser)
    return parser.parse_args()


def use_amp(cfg: Config) -> None:
    """Change the optimizer wrapper to the one for mixed precision.

    Args:
        cfg: The config, changed in place.
    """
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if not torch.cuda.is_available():
        raise ConfigError('--amp needs a GPU; leave it out to train in float32')
    if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise ConfigError(f'--amp works with optim_wrapper.type=OptimWrapper, got {kind}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def main() -> None:
    """Train as the command line says."""
    args = parse_args()
    cfg = prepare_run(args)
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise ConfigError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config')
        cfg.auto_scale_lr.enable = True
    if args.seed is not None:
        cfg.randomness = {**cfg.get('randomness', {}), 'seed': args.seed}
    if args.resume:
        cfg.resume = 'auto'
        if args.resume != 'auto':
            cfg.resume, cfg.load_from = True, args.resume
    with trusted_checkpoints(args.trust_checkpoint):
        build_runner(cfg).train()


if __name__ == '__main__':
    run_tool(main)
