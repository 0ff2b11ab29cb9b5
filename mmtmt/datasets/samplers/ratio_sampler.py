"""Endless stream of samples from one or several datasets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import DataLoader, Dataset, Sampler

from mmtmt.datasets.sample_key import SAMPLER_STREAM, SampleKey, make_generator
from mmtmt.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class RatioSampler(Sampler):
    """Draws for each sample a dataset by the ratios, then one of its videos evenly.

    Both draws are with replacement and independent of each other, so there are no epochs. The
    stream of all processes together is numbered: the k-th sample of process r out of W has number
    k * W + r, and what is drawn for a number depends on it and on the seed alone. So processes
    draw independently, a run can start at any iteration without replaying what came before, and
    an iteration of 2 processes with 8 clips each sees the same clips as one of 16.

    Args:
        dataset: A `ConcatDataset`, or a single dataset.
        ratios: Weight of each dataset, in the order of the datasets; they need not add up to 1.
            None gives a single dataset, or several of them, equal weights.
        seed: Seed of the stream; None takes one that all processes agree on.

    Raises:
        ValueError: If the ratios don't fit the datasets.
    """

    def __init__(
        self,
        dataset: Dataset,
        ratios: Sequence[float] | None = None,
        seed: int | None = None,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        sizes = dataset.sizes if hasattr(dataset, 'sizes') else [len(dataset)]
        ratios = [1.0] * len(sizes) if ratios is None else [float(ratio) for ratio in ratios]
        if len(ratios) != len(sizes):
            raise ValueError(f'expected {len(sizes)} ratios, one per dataset, got {ratios}')
        if not all(math.isfinite(r) and r >= 0 for r in ratios) or sum(ratios) == 0:
            raise ValueError(f'expected ratios from 0 that are not all 0, got {ratios}')
        empty = [i for i, (size, ratio) in enumerate(zip(sizes, ratios)) if ratio and not size]
        if empty:
            raise ValueError(f'datasets {empty} are empty, but have ratios {ratios}')
        self.sizes = sizes
        self.probabilities = np.array(ratios) / sum(ratios)
        self.seed = sync_random_seed() if seed is None else int(seed)
        self.start = 0

    def set_start(self, iteration: int, batch_size: int, seed: int | None = None) -> None:
        """Start the stream at an iteration; call it before the loader's iterator is made.

        Args:
            iteration: Number of iterations that are already done.
            batch_size: Samples per iteration of this process.
            seed: Seed of the run that is resumed, when it may differ from that of this one.
        """
        self.start = iteration * batch_size
        if seed is not None:
            self.seed = int(seed)

    def key(self, sample_index: int) -> SampleKey:
        """Draw a sample.

        Args:
            sample_index: Number of the sample in the stream of all processes.

        Returns:
            The item of the dataset, with the randomness of this visit.
        """
        generator = make_generator(SAMPLER_STREAM, self.seed, sample_index)
        number = int(generator.choice(len(self.sizes), p=self.probabilities))
        index = sum(self.sizes[:number]) + int(generator.integers(self.sizes[number]))
        return SampleKey(index=index, sample_index=sample_index, seed=self.seed)

    def __iter__(self) -> Iterator[SampleKey]:
        """Yield the samples of this process without end."""
        position = self.start
        while True:
            yield self.key(position * self.world_size + self.rank)
            position += 1

    def __len__(self) -> int:
        """Return the number of videos; the stream itself has no end."""
        return self.size


def start_loader_at(loader: DataLoader, iteration: int, seed: int | None = None) -> None:
    """Make a training loader continue at an iteration, without loading what came before.

    Call it before the loader's iterator is made.

    Args:
        loader: Loader whose sampler has ``set_start(iteration, batch_size, seed)``, like
            `RatioSampler`.
        iteration: Number of iterations that are already done.
        seed: Seed of the run that is resumed, when it may differ from that of this one.

    Raises:
        TypeError: If the loader has another sampler.
    """
    sampler = innermost_sampler(loader)
    if not can_start_at(loader):
        raise TypeError(
            f'expected a sampler with set_start, such as RatioSampler, got {type(sampler).__name__}'
        )
    sampler.set_start(iteration, batch_size_of(loader), seed)


def batch_size_of(loader: DataLoader) -> int:
    """Tell how many samples of this process a step takes."""
    return loader.batch_size or loader.batch_sampler.batch_size


def can_start_at(loader: DataLoader) -> bool:
    """Tell whether `start_loader_at` works for a loader."""
    return hasattr(innermost_sampler(loader), 'set_start')


def innermost_sampler(loader: DataLoader) -> Sampler:
    """Return the sampler that draws items; it may sit in a batch sampler."""
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)
