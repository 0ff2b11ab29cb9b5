import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel

from mmtmt.engine import VISRunner
from mmtmt.registry import MODELS
from tests.datasets.tiny_set import TRAIN_PIPELINE, TinySet


@MODELS.register_module(force=True)
class RecordingModel(BaseModel):
    """Notes what it is trained on."""

    seen: list = []

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples, mode='tensor'):
        """A loss of no meaning."""
        self.seen.append(
            [
                (s.dataset, s.video_id, s.sample_index, s.flip, tuple(s.frame_indices))
                for s in data_samples
            ]
        )
        return {'loss': (self.weight * inputs).mean() ** 2}


def config(root, work_dir, workers, max_iters):
    sets = [
        TinySet(root / name).config(name=name, pipeline=TRAIN_PIPELINE) for name in ('one', 'two')
    ]
    return Config(
        {
            'default_scope': 'mmtmt',
            'model': {
                'type': 'RecordingModel',
                'data_preprocessor': {'type': 'ClipDataPreprocessor'},
            },
            'work_dir': str(work_dir),
            'train_dataloader': {
                'batch_size': 2,
                'num_workers': workers,
                'persistent_workers': workers > 0,
                'sampler': {'type': 'RatioSampler', 'ratios': [1, 0.75]},
                'dataset': {'type': 'ConcatDataset', 'datasets': copy.deepcopy(sets)},
                'collate_fn': {'type': 'pseudo_collate'},
            },
            'train_cfg': {'by_epoch': False, 'max_iters': max_iters},
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.01}},
            'default_hooks': {
                'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False, 'interval': 3}
            },
            'log_level': 'WARNING',
            'experiment_name': f'{work_dir.name}-{max_iters}',
        }
    )


def train(cfg, **changes):
    cfg = copy.deepcopy(cfg)
    cfg.update(changes)
    RecordingModel.seen.clear()
    VISRunner.from_cfg(cfg).train()
    return list(RecordingModel.seen)


@pytest.mark.parametrize('workers', [0, 2])
def test_resumed_run_sees_the_batches_of_an_uninterrupted_one(tmp_path, workers):
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
    # Without a seed in the config, a new process draws one, and must find the run's own again.
    seed = {} if workers else {'randomness': {'seed': 11}}
    whole = train(config(tmp_path, tmp_path / 'whole', workers, 6), randomness={'seed': 11})
    first = train(config(tmp_path, tmp_path / 'parts', workers, 3), randomness={'seed': 11})
    rest = train(config(tmp_path, tmp_path / 'parts', workers, 6), resume=True, **seed)
    assert len(whole) == 6 and len({str(batch) for batch in whole}) == 6
    assert first == whole[:3]
    assert rest == whole[3:]
