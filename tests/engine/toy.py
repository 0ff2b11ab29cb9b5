"""A model, data and config small enough to train in a second."""

import itertools
import time
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.data import Sampler

from mmtmt.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS


@MODELS.register_module(force=True)
class ToyModel(BaseModel):
    """Linear regression with dropout, so that training draws random numbers.

    Args:
        width: Number of inputs.
        poison_at: Video id at which the loss turns into NaN.
        delay: Seconds that a step takes at least.
        keys: Keys of the categories, for a model that has a taxonomy.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        *,
        width: int = 4,
        poison_at: int | None = None,
        delay: float = 0.0,
        keys=None,
        init_cfg=None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.head = nn.Linear(width, 1)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(width)
        self.poison_at, self.delay = poison_at, delay
        if keys is not None:
            self.taxonomy_state = lambda: {'keys': keys}

    def forward(self, inputs, data_samples, mode='tensor'):
        """Losses in mode ``loss``, samples with ``prediction`` in mode ``predict``."""
        time.sleep(self.delay)
        x = torch.stack(inputs)
        out = self.head(self.drop(self.norm(x)))[:, 0]
        if mode == 'predict':
            for sample, value in zip(data_samples, out, strict=True):
                sample.prediction = float(value)
            return data_samples
        loss = (out - x.sum(1)).pow(2).mean()
        if any(sample.video_id == self.poison_at for sample in data_samples):
            loss = loss * float('nan')
        return {'loss_fit': loss, 'losses_zero': [loss * 0, loss * 0]}


@DATASETS.register_module(force=True)
class ToyDataset(BaseDataset):
    """Vectors that follow from their index."""

    def __init__(self, *, size: int = 24, width: int = 4) -> None:
        super().__init__(lazy_init=True, serialize_data=False)
        self.size, self.width, self._fully_initialized = size, width, True

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(int(index))
        sample = BaseDataElement(
            metainfo={'dataset': 'toy', 'video_id': int(index), 'frame_indices': [0, 2]}
        )
        return {'inputs': torch.randn(self.width, generator=generator), 'data_samples': sample}


_seeds = itertools.count()


@DATA_SAMPLERS.register_module(force=True)
class ToySampler(Sampler):
    """Endless and seeded; starts where it is told to and counts what was drawn."""

    drawn = 0

    def __init__(self, dataset, *, seed: int | None = 0) -> None:
        self.size, self.start = len(dataset), 0
        self.seed = next(_seeds) if seed is None else seed

    def set_start(self, iteration: int, batch_size: int, seed: int | None = None) -> None:
        self.start = iteration * batch_size
        self.seed = self.seed if seed is None else seed

    def __len__(self) -> int:
        return self.size

    def __iter__(self):
        position = self.start
        while True:
            generator = torch.Generator().manual_seed(self.seed * 100003 + position)
            position += 1
            type(self).drawn += 1
            yield int(torch.randint(self.size, (1,), generator=generator))


@METRICS.register_module(force=True)
class ToyMetric(BaseMetric):
    """Sum of the predictions, each weighted with its video's number."""

    def process(self, data_batch, data_samples) -> None:
        self.results += [(sample['video_id'], sample['prediction']) for sample in data_samples]

    def compute_metrics(self, results) -> dict:
        return {'videos': len(results), 'sum': sum((v + 1) * p for v, p in results)}


_numbers = itertools.count()


def toy_config(work_dir: Path, max_iters: int = 6, **changes) -> dict:
    """A whole config.

    Args:
        work_dir: Where the run writes.
        max_iters: Length of the training.
        **changes: Top-level keys to replace.
    """
    data = dict(
        batch_size=2,
        num_workers=0,
        dataset=dict(type='ToyDataset'),
        collate_fn=dict(type='pseudo_collate'),
    )
    test = dict(data, sampler=dict(type='DefaultSampler', shuffle=False))
    cfg = dict(
        default_scope='mmtmt',
        custom_imports=dict(imports=['tests.engine.toy']),
        model=dict(type='ToyModel'),
        work_dir=str(work_dir),
        train_dataloader=dict(data, sampler=dict(type='ToySampler')),
        train_cfg=dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05), clip_grad=dict(max_norm=1.0)),
        param_scheduler=dict(type='PolyLR', power=1.0, end=20, by_epoch=False),
        val_dataloader=test,
        val_cfg=dict(),
        val_evaluator=dict(type='ToyMetric'),
        test_dataloader=test,
        test_cfg=dict(),
        test_evaluator=dict(type='ToyMetric'),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=3),
            logger=dict(type='LoggerHook', interval=1),
        ),
        custom_hooks=[dict(type='NaNGuardHook'), dict(type='EMAHook', momentum=0.1)],
        randomness=dict(seed=7),
        log_level='WARNING',
        # mmengine keeps one log history per name; the default name is the time in seconds.
        experiment_name=f'toy-{next(_numbers)}',
    )
    cfg.update(changes)
    return cfg
