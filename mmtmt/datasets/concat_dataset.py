"""Several datasets as one, for joint training."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmtmt.datasets.sample_key import SampleKey
from mmtmt.registry import DATASETS


@DATASETS.register_module()
class ConcatDataset(Dataset):
    """Datasets side by side, each with its own vocabulary.

    mmengine's class of this name wants one metainfo for all of them, and passes on plain indices
    only.

    Args:
        datasets: Datasets, or their configs.

    Raises:
        ValueError: If there is none, or two have the same name.
    """

    def __init__(self, datasets: Sequence[Dataset | Mapping]) -> None:
        self.datasets = [DATASETS.build(d) if isinstance(d, Mapping) else d for d in datasets]
        names = [d.metainfo['dataset'] for d in self.datasets]
        if not names or len(set(names)) != len(names):
            raise ValueError(f'expected datasets with names of their own, got {names}')

    def full_init(self) -> None:
        """Read the annotation files that haven't been read yet."""
        for dataset in self.datasets:
            dataset.full_init()

    @property
    def sizes(self) -> list[int]:
        """Number of videos of each dataset."""
        return [len(dataset) for dataset in self.datasets]

    @property
    def metainfo(self) -> dict[str, Any]:
        """``datasets``: the metainfo of each dataset."""
        return {'datasets': [dataset.metainfo for dataset in self.datasets]}

    def __len__(self) -> int:
        """Return the number of videos of all datasets."""
        return sum(self.sizes)

    def locate(self, index: int) -> tuple[int, int]:
        """Find an item.

        Args:
            index: Index into all datasets.

        Returns:
            Number of the dataset and index into it.

        Raises:
            IndexError: If there is no such item.
        """
        index = range(len(self))[index]
        ends = np.cumsum(self.sizes)
        number = bisect.bisect_right(ends, index)
        return number, index - int(ends[number] - self.sizes[number])

    def __getitem__(self, key: int | SampleKey) -> dict[str, Any]:
        """Return an item of one of the datasets.

        Args:
            key: Index into all datasets, with the randomness of this visit when a sampler gives
                it.

        Returns:
            What that dataset's pipeline makes of it.
        """
        if not isinstance(key, SampleKey):
            index = range(len(self))[int(key)]
            key = SampleKey(index=index, sample_index=index)
        number, local = self.locate(key.index)
        return self.datasets[number][key._replace(index=local)]

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return what is known of a video; `index` counts over all datasets."""
        number, local = self.locate(index)
        return self.datasets[number].get_data_info(local)
