from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmtmt.datasets import ConcatDataset, RatioSampler, SampleKey, start_loader_at
from mmtmt.datasets.samplers import ratio_sampler
from mmtmt.registry import DATASETS
from tests.datasets.tiny_set import TRAIN_PIPELINE, TinySet


class Sized:
    """Datasets of given sizes, without content."""

    def __init__(self, *sizes):
        self.sizes = list(sizes)

    def __len__(self):
        return sum(self.sizes)


def take(sampler, count):
    return list(islice(sampler, count))


def as_rank(monkeypatch, rank, world_size, *args, **kwargs):
    monkeypatch.setattr(ratio_sampler, 'get_dist_info', lambda: (rank, world_size))
    return RatioSampler(*args, **kwargs)


def test_frequencies():
    dataset = Sized(40, 3, 10)
    sampler = RatioSampler(dataset, ratios=[1, 1, 0.75], seed=0)
    keys = take(sampler, 11_000)
    numbers = np.searchsorted([40, 43, 53], [key.index for key in keys], side='right')
    shares = np.bincount(numbers, minlength=3) / len(keys)
    np.testing.assert_allclose(shares, np.array([1, 1, 0.75]) / 2.75, atol=0.015)
    videos = Counter(key.index for key in keys)
    small = [videos[index] for index in (40, 41, 42)]
    assert max(small) - min(small) < 0.1 * sum(small)
    assert len(videos) == 53


def test_stream_depends_on_the_seed_alone():
    first, again, other = (take(RatioSampler(Sized(9, 9), seed=seed), 50) for seed in (1, 1, 2))
    assert first == again != other
    assert [key.sample_index for key in first] == list(range(50))
    assert {key.seed for key in first} == {1}


def test_start_equals_skipping():
    sampler = RatioSampler(Sized(20, 5), ratios=[1, 3], seed=7)
    whole = take(sampler, 100)
    sampler.set_start(iteration=12, batch_size=4)
    assert take(sampler, 52) == whole[48:]
    resumed = RatioSampler(Sized(20, 5), ratios=[1, 3], seed=99)
    resumed.set_start(iteration=12, batch_size=4, seed=7)
    assert take(resumed, 52) == whole[48:]


def test_processes_share_one_stream(monkeypatch):
    single = take(as_rank(monkeypatch, 0, 1, Sized(50, 50), seed=3), 64)
    ranks = [take(as_rank(monkeypatch, rank, 4, Sized(50, 50), seed=3), 16) for rank in range(4)]
    assert all(ranks[0] != other for other in ranks[1:])
    # The same clips per iteration, however many processes share them.
    assert [key for keys in zip(*ranks) for key in keys] == single


def test_single_dataset():
    keys = take(RatioSampler([None] * 6, seed=0), 200)
    assert {key.index for key in keys} == set(range(6))
    assert len(RatioSampler([None] * 6, seed=0)) == 6


@pytest.mark.parametrize(
    'sizes, ratios, message',
    [
        ((3, 3), [1], r'2 ratios, one per dataset, got \[1.0\]'),
        ((3, 3), [1, -1], 'not all 0'),
        ((3, 3), [0, 0], 'not all 0'),
        ((3, 3), [1, float('nan')], 'not all 0'),
        ((3, 0), [1, 1], r'datasets \[1\] are empty'),
    ],
)
def test_wrong_ratios(sizes, ratios, message):
    with pytest.raises(ValueError, match=message):
        RatioSampler(Sized(*sizes), ratios=ratios, seed=0)


@pytest.fixture
def joint(tmp_path):
    configs = [
        TinySet(tmp_path / name).config(name=name, pipeline=TRAIN_PIPELINE)
        for name in ('one', 'two')
        if not (tmp_path / name).mkdir()
    ]
    return {'type': 'ConcatDataset', 'datasets': configs}


def describe(batch):
    """Everything of a batch, comparable."""
    described = []
    for clip, sample in zip(batch['inputs'], batch['data_samples']):
        tubes = sample.gt_tubes
        described.append(
            (
                sample.dataset,
                sample.video_id,
                sample.sample_index,
                tuple(sample.frame_indices),
                sample.flip,
                clip.numpy().tobytes(),
                tubes.masks.numpy().tobytes(),
                tuple(tubes.labels.tolist()),
                tuple(tubes.instance_ids.tolist()),
            )
        )
    return described


def batches(config, count, workers=0, start=0, global_seed=0):
    """The first batches of a loader as mmengine's Runner builds it."""
    loader = Runner.build_dataloader(
        {
            'dataset': config,
            'batch_size': 3,
            'num_workers': workers,
            'sampler': {'type': 'mmtmt.RatioSampler', 'ratios': [1, 0.75]},
            'collate_fn': {'type': 'pseudo_collate'},
        },
        seed=5,
    )
    assert isinstance(loader, DataLoader)
    if start:
        start_loader_at(loader, start)
    np.random.seed(global_seed)
    torch.manual_seed(global_seed)
    return [describe(batch) for batch in islice(loader, count)]


def with_scope(config):
    return {**config, 'type': 'mmtmt.ConcatDataset'}


def test_workers_and_global_seeds_do_not_matter(joint):
    expected = batches(with_scope(joint), 5)
    assert len({sample[:5] for batch in expected for sample in batch}) > 10
    assert batches(with_scope(joint), 5, workers=2, global_seed=1) == expected


def test_resume_without_replay(joint):
    whole = batches(with_scope(joint), 7)
    assert batches(with_scope(joint), 3, start=4) == whole[4:]
    assert batches(with_scope(joint), 3, start=4, workers=2) == whole[4:]


def test_start_loader_at_refuses_other_samplers(joint):
    loader = DataLoader(DATASETS.build(joint), batch_size=2, collate_fn=pseudo_collate)
    with pytest.raises(TypeError, match='RatioSampler, got SequentialSampler'):
        start_loader_at(loader, 3)


def test_concat_dataset(joint):
    dataset = DATASETS.build(joint)
    assert isinstance(dataset, ConcatDataset)
    assert dataset.sizes == [3, 3] and len(dataset) == 6
    assert [m['dataset'] for m in dataset.metainfo['datasets']] == ['one', 'two']
    assert dataset.locate(2) == (0, 2) and dataset.locate(3) == (1, 0)
    assert dataset.locate(-1) == (1, 2)
    sample = dataset[SampleKey(4, 17, 2)]['data_samples']
    assert (sample.dataset, sample.video_id, sample.sample_index) == ('two', 20, 17)
    assert dataset[4]['data_samples'].sample_index == 4
    assert dataset.get_data_info(5)['video_id'] == 30
    with pytest.raises(IndexError):
        dataset[6]
    joint['datasets'][1]['name'] = 'one'
    with pytest.raises(ValueError, match=r"names of their own, got \['one', 'one'\]"):
        DATASETS.build(joint)
