"""Does the compiled taxonomy hold the categories of the video?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from terminaltables import AsciiTable

from mmtmt.evaluation.functional.inputs import read_json
from mmtmt.evaluation.metrics.video_instance_metric import category_ids
from mmtmt.registry import METRICS


@METRICS.register_module()
class TaxonomyRecall(BaseMetric):
    """Share of a video's categories among the selected ones, beside a ranking that never looks.

    The comparison selects as many categories as the longest selection of the dataset, but always
    the same: those with the most instances in the training file. A taxonomy compiled from the
    video has to beat it on unseen videos.

    Args:
        ann_files: Per dataset name the json file of the evaluated videos.
        train_files: Per dataset name the json file that the static ranking is counted in.
        collect_device: 'cpu' or 'gpu', how results are gathered.
        collect_dir: Folder shared by the processes for gathering on the CPU.

    Raises:
        ValueError: If the two name different datasets.
    """

    def __init__(
        self,
        *,
        ann_files: Mapping[str, str],
        train_files: Mapping[str, str],
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix='dataset', collect_dir=collect_dir)
        self.prefix = None
        if set(ann_files) != set(train_files):
            raise ValueError(
                f'ann_files names {sorted(ann_files)}, but train_files {sorted(train_files)}'
            )
        self.ann_files = dict(ann_files)
        self.train_files = dict(train_files)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the selected categories of a batch of videos.

        Args:
            data_batch: Not used.
            data_samples: Predictions as dictionaries with ``dataset``, ``vocabulary``,
                ``video_id`` and ``compiled_labels``.

        Raises:
            ValueError: If the model compiles no taxonomy.
        """
        for sample in data_samples:
            if sample['compiled_labels'] is None:
                raise ValueError('TaxonomyRecall needs a model that compiles a taxonomy')
            self.results.append(
                (
                    sample['dataset'],
                    sample['vocabulary'],
                    sample['video_id'],
                    list(sample['compiled_labels']),
                )
            )

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather the videos of all processes, see `VideoInstanceMetric.evaluate`.

        Args:
            size: Number of samples of the test dataset.

        Returns:
            The metrics.
        """
        self.results = [self.results]
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list[list[tuple]]) -> dict[str, float]:
        """Compare both rankings on every dataset and print one table.

        Args:
            results: Per process the dataset, vocabulary, id and selected labels of its videos.

        Returns:
            ``DATASET/taxonomy_recall`` and ``DATASET/static_recall``, and their means over the
            datasets as ``mean/...``.
        """
        by_dataset: dict[str, dict[Any, tuple]] = defaultdict(dict)
        for dataset, vocabulary, video_id, labels in (entry for part in results for entry in part):
            by_dataset[dataset].setdefault(video_id, (vocabulary, labels))
        numbers = {
            dataset: self._recalls(dataset, by_dataset[dataset])
            for dataset in self.ann_files
            if dataset in by_dataset
        }
        numbers['mean'] = tuple(np.mean(list(numbers.values()), axis=0))
        rows = [[name, f'{own:.3f}', f'{static:.3f}'] for name, (own, static) in numbers.items()]
        table = AsciiTable([['dataset', 'taxonomy recall', 'static recall'], *rows])
        print_log('\n' + table.table, logger='current')
        return {
            f'{name}/{key}': float(value)
            for name, pair in numbers.items()
            for key, value in zip(('taxonomy_recall', 'static_recall'), pair)
        }

    def _recalls(self, dataset: str, videos: Mapping[Any, tuple]) -> tuple[float, float]:
        """Mean over the videos with objects: of the selected and of the static ranking."""
        content = read_json(self.ann_files[dataset])
        known = {video['id'] for video in content['videos']}
        if unknown := sorted(videos.keys() - known, key=str):
            raise ValueError(
                f'{dataset}: video {unknown[0]} is not in {self.ann_files[dataset]}; set '
                'ann_files of TaxonomyRecall to the file that was predicted'
            )
        present = defaultdict(set)
        for annotation in content['annotations']:
            present[annotation['video_id']].add(annotation['category_id'])
        counts = Counter(
            annotation['category_id']
            for annotation in read_json(self.train_files[dataset])['annotations']
        )
        most = max(len(labels) for _, labels in videos.values())
        frequent = {category for category, _ in counts.most_common(most)}
        own, static = [], []
        for video_id, (vocabulary, labels) in videos.items():
            truth = present[video_id]
            if not truth:
                continue
            ids = category_ids(vocabulary, content['categories'], self.ann_files[dataset])
            selected = {ids[label] for label in labels}
            own.append(len(truth & selected) / len(truth))
            static.append(len(truth & frequent) / len(truth))
        if not own:
            raise ValueError(f'{dataset}: no predicted video has annotated objects')
        return float(np.mean(own)), float(np.mean(static))
