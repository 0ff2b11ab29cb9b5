"""Trains TMT-VIS on three generated sets, evaluates it on all of them and draws what it sees.

The sets show one world through three taxonomies that conflict. Everything happens on this machine,
in minutes on two CPU cores; `make demo` calls it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmtmt.utils.memory import keep_freed_memory
from mmtmt.utils.progress import ProgressLine, clock

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'tmt_vis' / 'tmt-vis_mask2former_demo_synth.py'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'), help='folder to write')
    parser.add_argument('--config', type=Path, default=CONFIG, help='what to train')
    parser.add_argument('--preset', default='demo', help='options of the generated sets')
    parser.add_argument('--max-iters', type=int, help="training steps; default: the config's")
    parser.add_argument('--videos', type=int, default=3, help='videos to draw of each set')
    parser.add_argument(
        '--min-score', type=float, default=0.3, help='least score to be drawn (default: 0.3)'
    )
    return parser.parse_args(argv)


@contextmanager
def stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Times a part of the demo.

    Args:
        name: What it is called in the metrics.
        seconds: Gets the time that it took.

    Yields:
        Nothing.
    """
    begin = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - begin, 1)


def generate_data(folder: Path, preset: str) -> None:
    """Generates the sets unless they are there.

    Args:
        folder: Where they go.
        preset: Name of the options.
    """
    from mmtmt.datasets.synthetic import PRESETS, generate, is_generated

    if preset not in PRESETS:
        sys.exit(f'error: --preset: expected one of {list(PRESETS)}, got {preset!r}')
    if is_generated(folder, PRESETS[preset]):
        print(f'{folder} holds the generated sets already')
    else:
        generate(folder, PRESETS[preset], progress=ProgressLine('generating', sys.stdout))


def build_runner(args: argparse.Namespace) -> Any:
    """The runner of the demo's config, with lines of progress instead of a log on the screen.

    Args:
        args: The command line.

    Returns:
        The runner.
    """
    from mmengine.config import Config
    from mmengine.hooks import Hook

    from mmtmt.engine import VISRunner
    from mmtmt.engine.hooks import VISVisualizationHook

    class ProgressHook(Hook):
        """Shows training and testing as they go."""

        def before_train(self, runner: Any) -> None:
            self.line = ProgressLine('training', sys.stdout)

        def after_train_iter(
            self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
        ) -> None:
            note = f', loss {outputs["loss"].item():.1f}'
            self.line(runner.iter + 1, runner.max_iters, note)

        def before_test_epoch(self, runner: Any) -> None:
            self.line = ProgressLine('predicting', sys.stdout)

        def after_test_iter(
            self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
        ) -> None:
            self.line(batch_idx + 1, len(runner.test_dataloader))

    cfg = Config.fromfile(args.config)
    cfg.work_dir = str(args.out)
    # The test comes at the end, on its own; warnings stay on the screen, the rest goes to the log.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.train_cfg.pop('val_interval', None)
    cfg.log_level = 'WARNING'
    if args.max_iters is not None:
        cfg.train_cfg.max_iters = args.max_iters
    runner = VISRunner.from_cfg(cfg)
    runner.register_hook(ProgressHook())
    runner.register_hook(
        VISVisualizationHook(
            show_dir=str(args.out),
            min_score=args.min_score,
            max_videos=args.videos,
            title='TMT-VIS on three generated sets',
        )
    )
    return runner


def report(args: argparse.Namespace, metrics: dict[str, float], seconds: dict[str, float]) -> None:
    """Writes the metrics and prints the table, the times and where everything is.

    Args:
        args: The command line.
        metrics: By ``DATASET/METRIC``.
        seconds: Per stage.
    """
    from mmtmt.evaluation import STATS_NAMES
    from mmtmt.evaluation.metrics import format_table

    path = args.out / 'metrics.json'
    times = {f'seconds/{name}': value for name, value in seconds.items()}
    path.write_text(json.dumps({**metrics, **times}, indent=2) + '\n', encoding='utf-8')
    rows: dict[str, dict[str, float]] = {}
    others = {}
    for key, value in metrics.items():
        name, _, column = key.partition('/')
        if column in STATS_NAMES:
            rows.setdefault(name, {})[column] = value
        else:
            others[key] = value
    print('\nOn videos that the training has not seen:')
    print(format_table(rows))
    for key, value in others.items():
        print(f'{key}: {value:.3f}')
    print('\ntime: ' + ', '.join(f'{name} {clock(value)}' for name, value in seconds.items()))
    for video in sorted(args.out.glob('*.mp4')):
        print(video)
    print(f'{path}\n{args.out / "index.html"}   <- open this page to see the videos')


def main(argv: list[str] | None = None) -> None:
    """Runs the demo."""
    args = parse_args(argv)
    keep_freed_memory()
    args.out.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    with stage('start', seconds):
        print('loading the libraries', flush=True)
        from mmengine.config import Config

        import mmtmt.engine  # noqa: F401

        data_root = Path(Config.fromfile(args.config).data_root)
    with stage('data', seconds):
        generate_data(data_root, args.preset)
    with stage('model', seconds):
        runner = build_runner(args)
    with stage('training', seconds):
        runner.train()
    with stage('evaluation', seconds):
        metrics = runner.test()
    report(args, metrics, seconds)


if __name__ == '__main__':
    main()
