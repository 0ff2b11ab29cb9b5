"""Stopping at the first loss that is no finite number."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmtmt.registry import HOOKS

# Steps in a row that a scaler may leave out; it halves a scale of 65,536 at each of them.
MOST_OVERFLOWS = 50
_NAMED = ('dataset', 'video_id', 'frame_indices', 'sample_index')


@HOOKS.register_module()
class NaNGuardHook(Hook):
    """Stops training at a loss or a gradient that is not finite and names the batch.

    The losses are looked at before the backward pass, so that neither the weights nor the last
    checkpoint are spoiled; gradients by their norm, which is known where it is clipped. Weights
    that are not finite are never saved. What is known of the batch is also written to
    ``nan_iter_N.json`` in the work directory; of several processes each has a file,
    ``nan_iter_N_rank_R.json``. Under float16 scaling a gradient that overflows is the scaler's
    business, unless it does so again and again.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._batch: Any = None
        self._handle = None
        self._overflows = 0

    def before_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model

        def look(module: torch.nn.Module, args: tuple, losses: Any) -> None:
            if module.training and torch.is_grad_enabled() and isinstance(losses, dict):
                self._check_losses(runner, losses)

        self._handle = model.register_forward_hook(look)

    def after_train(self, runner) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        self._batch = data_batch

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        scalars = runner.message_hub.log_scalars
        # between the steps of accumulated gradients the norm is that of the last step
        if 'train/grad_norm' not in scalars or not runner.optim_wrapper.should_update():
            return
        norm = scalars['train/grad_norm'].current()
        self._overflows = 0 if math.isfinite(norm) else self._overflows + 1
        scaled = hasattr(runner.optim_wrapper, 'loss_scaler')
        if self._overflows > (MOST_OVERFLOWS if scaled else 0):
            self._stop(runner, {'gradient norm': float(norm)})

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        for name, value in _tensors(checkpoint['state_dict']):
            if not bool(value.isfinite().all()):
                self._stop(runner, {f'weight {name}': float(value.sum())})

    def _check_losses(self, runner, losses: dict) -> None:
        names, values = zip(*_tensors(losses), strict=True)
        finite = torch.stack([value.detach().isfinite().all() for value in values])
        if not bool(finite.all()):
            bad = zip(names, values, finite.tolist(), strict=True)
            self._stop(
                runner, {name: float(value.detach().sum()) for name, value, good in bad if not good}
            )

    def _stop(self, runner, bad: dict[str, float]) -> None:
        samples = describe_batch(self._batch)
        rank = f'_rank_{runner.rank}' if runner.world_size > 1 else ''
        path = Path(runner.work_dir) / f'nan_iter_{runner.iter}{rank}.json'
        report = {'iter': runner.iter, 'bad': {k: str(v) for k, v in bad.items()}, 'batch': samples}
        path.write_text(json.dumps(report, indent=1, default=str) + '\n')
        listing = '; '.join(
            ', '.join(f'{name} {value}' for name, value in sample.items()) for sample in samples
        )
        last = Path(runner.work_dir) / 'last_checkpoint'
        kept = last.read_text().strip() if last.exists() else 'none was written yet'
        raise FloatingPointError(
            f'iteration {runner.iter}: {", ".join(f"{k} is {v}" for k, v in bad.items())}. '
            f'Batch: {listing or "unknown"} (also in {path}). Last good checkpoint: {kept}'
        )


def describe_batch(batch: Any) -> list[dict]:
    """Name the samples of a batch.

    Args:
        batch: What the data loader gave: a dict with ``data_samples``.

    Returns:
        Dataset, video and frames per sample, as far as they are known.
    """
    samples = batch.get('data_samples') or [] if isinstance(batch, dict) else []
    return [
        {name: sample.metainfo[name] for name in _NAMED if name in sample.metainfo}
        for sample in samples
        if hasattr(sample, 'metainfo')
    ]


def _tensors(named: dict) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in named.items():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, torch.Tensor):
                yield name, part
