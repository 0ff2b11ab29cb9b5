"""Does the compiled taxonomy hold the categories of the video?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_world_size, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from terminaltables import AsciiTable

from mmtmt.evaluation.functional.inputs import read_json
from mmtmt.evaluation.metrics.video_instance_metric import read_vocabulary
from mmtmt.registry import METRICS
from mmtmt.taxonomy import Vocabulary


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
        ValueError: If the two name different datasets, or a file has no annotations.
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
        # A file that can't be used is found before hours of inference, not after.
        self._contents: dict[str, tuple[_Content, _Content]] = {}
        if is_main_process():
            self._contents = {
                name: (_Content(name, file), _Content(name, self.train_files[name]))
                for name, file in self.ann_files.items()
            }

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the selected categories of a batch of videos.

        Args:
            data_batch: Not used.
            data_samples: Predictions as dictionaries with ``dataset``, ``vocabulary``,
                ``video_id`` and ``compiled_labels``.

        Raises:
            ValueError: If the model compiles no taxonomy, or a sample is of a dataset that
                ``ann_files`` doesn't name.
        """
        for sample in data_samples:
            if sample['dataset'] not in self.ann_files:
                raise ValueError(
                    f'TaxonomyRecall: dataset {sample["dataset"]!r} is predicted, but ann_files '
                    f'names {list(self.ann_files)}'
                )
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
        tested, trained = self._contents[dataset]
        if unknown := sorted(videos.keys() - tested.videos, key=str):
            raise ValueError(
                f'{dataset}: video {unknown[0]} is not in {tested.file}; set ann_files of '
                'TaxonomyRecall to the file that was predicted'
            )
        name = next(iter(videos.values()))[0]
        vocabulary, trained_in = tested.vocabulary(name), trained.vocabulary(name)
        if trained_in.names != vocabulary.names:
            raise ValueError(f'{dataset}: {trained.file} has other categories than {tested.file}')
        # labels, since the two files may give the categories other ids
        present = tested.labels(vocabulary)
        counts = sum(trained.labels(trained_in).values(), Counter())
        most = max(len(labels) for _, labels in videos.values())
        frequent = {label for label, _ in counts.most_common(most)}
        pairs = [
            (present[video_id].keys(), set(labels))
            for video_id, (_, labels) in videos.items()
            if video_id in present
        ]
        if not pairs:
            raise ValueError(f'{dataset}: no predicted video has annotated objects')
        own = [len(truth & selected) / len(truth) for truth, selected in pairs]
        static = [len(truth & frequent) / len(truth) for truth, _ in pairs]
        return float(np.mean(own)), float(np.mean(static))


class _Content:
    """What counts of a file: its videos, its categories, and the objects of each but crowds."""

    def __init__(self, dataset: str, file: str) -> None:
        content = read_json(file)
        if not isinstance(content, Mapping) or not content.get('annotations'):
            raise ValueError(f'{dataset}, {file}: expected annotations to compare taxonomies with')
        self.file, self.categories = file, content['categories']
        self.videos = {video['id'] for video in content['videos']}
        self.objects: dict[Any, Counter] = defaultdict(Counter)
        for annotation in content['annotations']:
            if not annotation.get('iscrowd'):
                self.objects[annotation['video_id']][annotation['category_id']] += 1

    def vocabulary(self, name: str) -> Vocabulary:
        return read_vocabulary(name, self.categories, self.file)

    def labels(self, vocabulary: Vocabulary) -> dict[Any, Counter[int]]:
        """Per video with objects how often each label is there."""
        label_of = {category: label for label, category in enumerate(vocabulary.ids)}
        return {
            video: Counter({label_of[category]: count for category, count in counts.items()})
            for video, counts in self.objects.items()
        }
