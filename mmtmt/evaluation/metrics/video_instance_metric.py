"""Video instance segmentation on several datasets at once, each in its own vocabulary."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from terminaltables import AsciiTable

from mmtmt.registry import METRICS
from mmtmt.taxonomy import Vocabulary, load_vocabulary, registered_vocabularies

from ..functional import (
    STATS_NAMES,
    GroundTruth,
    evaluate,
    read_ground_truth,
    remarks,
    write_results,
    write_submission,
)
from ..functional.inputs import HIDDEN_GROUND_TRUTH

TABLE_COLUMNS = ('AP', 'AP50', 'AP75', 'AR1', 'AR10')


@dataclass(frozen=True)
class VideoPrediction:
    """What is kept of a predicted video; M results.

    Attributes:
        dataset: name of the dataset.
        vocabulary: name of the vocabulary of the labels.
        video_id: id of the video in the dataset's file.
        scores: M confidences.
        labels: M positions in the vocabulary.
        tubes: M lists of one RLE or None per frame.
        num_discarded: results that the model had to drop, having no label in the vocabulary.
    """

    dataset: str
    vocabulary: str
    video_id: Any
    scores: list[float]
    labels: list[int]
    tubes: list[list[dict | None]]
    num_discarded: int = 0


@METRICS.register_module()
class VideoInstanceMetric(BaseMetric):
    """Average precision and recall per dataset.

    A sample belongs to the dataset that its metainfo ``dataset`` names, and its labels are those of
    its metainfo ``vocabulary``. mmdet's YouTubeVISMetric takes label + 1 for the category id, which
    is wrong for vocabularies with gaps; here the vocabulary says the id.

    Only RLE are kept and gathered across processes, never dense masks. Samples that a sampler
    repeats to give every process as many are counted once.

    Args:
        ann_files: Per dataset name the json file with its ground truth. With ``format_only`` the
            annotations may be missing.
        class_agnostic: Names of the datasets to evaluate with all categories taken as one.
        outfile_prefix: A folder; DATASET/results.json and DATASET/submission.zip are written
            there. None writes nothing.
        format_only: Write the files only: True for all datasets, or the names of those whose ground
            truth is hidden.
        collect_device: 'cpu' or 'gpu', how results are gathered.
        collect_dir: Folder shared by the processes for gathering on the CPU.

    Raises:
        ValueError: If ``format_only`` is given without ``outfile_prefix`` or names an unknown
            dataset, or ground truth is hidden.
    """

    def __init__(
        self,
        *,
        ann_files: Mapping[str, str],
        class_agnostic: Sequence[str] = (),
        outfile_prefix: str | None = None,
        format_only: bool | Sequence[str] = False,
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
    ) -> None:
        # BaseMetric warns of an empty prefix; the names of the datasets take its place.
        super().__init__(collect_device=collect_device, prefix='dataset', collect_dir=collect_dir)
        self.prefix = None
        if format_only and outfile_prefix is None:
            raise ValueError('format_only writes files: outfile_prefix has to say where')
        if isinstance(format_only, bool):
            format_only = list(ann_files) if format_only else []
        for option, names in (('class_agnostic', class_agnostic), ('format_only', format_only)):
            unknown = set(names) - set(ann_files)
            if unknown:
                raise ValueError(f'{option} names {sorted(unknown)}, ann_files {list(ann_files)}')
        self.ann_files = dict(ann_files)
        self.class_agnostic = set(class_agnostic)
        self.outfile_prefix = None if outfile_prefix is None else Path(outfile_prefix)
        self.format_only = set(format_only)
        self._truths: dict[str, GroundTruth] = {}
        # Hidden ground truth is found before hours of inference, not after.
        if is_main_process():
            self._truths = {
                name: _read_truth(name, path, hidden=name in self.format_only)
                for name, path in self.ann_files.items()
            }

    def check_dataset(self, dataset: Any) -> None:
        """Holds a dataset to be predicted against the files, before hours of inference.

        Args:
            dataset: With ``name``, ``vocabulary`` (a `Vocabulary`), and the videos' ids as
                ``video_ids``.

        Raises:
            ValueError: If ``ann_files`` lacks it, or its file has other videos or categories.
        """
        self._check_known(dataset.name)
        if not is_main_process():
            return
        self._check_videos(dataset.name, dataset.video_ids)
        own, file = dataset.vocabulary, self.ann_files[dataset.name]
        truth = read_vocabulary(own.name, self._categories(dataset.name), file)
        if truth.names != own.names:
            raise ValueError(
                f'{dataset.name}: the {len(truth)} categories of {file} are not the {len(own)} of '
                f'the dataset; in the order of labels {truth.names[:8]} and {own.names[:8]}'
            )

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps the predicted tubes of a batch of videos.

        Args:
            data_batch: Not used.
            data_samples: Predictions as dictionaries with ``dataset``, ``vocabulary``, ``video_id``
                and ``pred_tubes`` (scores (M,), labels (M,), tubes: M lists of one RLE or None per
                frame).

        Raises:
            ValueError: If a sample is of a dataset that ``ann_files`` doesn't name.
        """
        for sample in data_samples:
            dataset, video_id = sample['dataset'], sample['video_id']
            self._check_known(dataset)
            tubes = sample['pred_tubes']
            prediction = VideoPrediction(
                dataset=dataset,
                vocabulary=sample['vocabulary'],
                video_id=video_id,
                scores=[float(score) for score in tubes['scores']],
                labels=[int(label) for label in tubes['labels']],
                tubes=[list(tube) for tube in tubes['tubes']],
                num_discarded=sample.get('num_discarded', 0),
            )
            self.results.append(prediction)

    def evaluate(self, size: int) -> dict[str, float]:
        """Gathers the videos of all processes and computes the metrics.

        mmengine interleaves the results of the processes and cuts them at ``size``, which holds
        only for its own sampler. Here every process hands over its list as one item.

        Args:
            size: Number of samples of the test dataset.

        Returns:
            Metrics as `compute_metrics` gives them, the same in every process.
        """
        self.results = [self.results]
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list[list[VideoPrediction]]) -> dict[str, float]:
        """Evaluates every dataset and prints one table.

        Args:
            results: Per process the predictions of its videos.

        Returns:
            ``DATASET/AP`` and so on with the official 12 numbers and, of more than one dataset,
            their means ``mean/AP`` and so on. Nothing of datasets with ``format_only``.

        Raises:
            ValueError: If predictions don't fit their dataset, or have scores that are no numbers;
                the files of the other datasets are written by then.
        """
        by_dataset: dict[str, dict[Any, VideoPrediction]] = {name: {} for name in self.ann_files}
        for part in results:
            for prediction in part:
                by_dataset[prediction.dataset].setdefault(prediction.video_id, prediction)

        entries, mistakes = {}, []
        for dataset, predictions in by_dataset.items():
            try:
                self._check_videos(dataset, predictions)
                self._report(dataset, predictions)
                entries[dataset] = self._to_entries(dataset, predictions.values())
            except ValueError as error:
                mistakes.append(f'{dataset}: {error}')
            else:
                self._write(dataset, entries[dataset], len(predictions))
        # Files first: they are not lost when a dataset can't be evaluated.
        if mistakes:
            raise ValueError('\n'.join(mistakes))
        numbers = {
            dataset: self._evaluate_dataset(dataset, found)
            for dataset, found in entries.items()
            if dataset not in self.format_only
        }
        if len(numbers) > 1:
            numbers['mean'] = {
                key: _mean([values[key] for values in numbers.values()]) for key in TABLE_COLUMNS
            }
        if numbers:
            print_log('\n' + format_table(numbers), logger='current')
        return {f'{name}/{key}': v for name, values in numbers.items() for key, v in values.items()}

    def _evaluate_dataset(self, dataset: str, entries: list[dict]) -> dict[str, float]:
        try:
            output = evaluate(
                self._truths[dataset], entries, class_agnostic=dataset in self.class_agnostic
            )
        except ValueError as error:
            raise ValueError(f'{dataset}: {error}') from error
        for line in remarks(output):
            print_log(f'{dataset}: {line}', logger='current')
        return {key: output[key] for key in STATS_NAMES}

    def _to_entries(self, dataset: str, predictions: Iterable[VideoPrediction]) -> list[dict]:
        """The predictions in the YouTube-VIS form, with the category ids of the dataset's file."""
        categories = self._categories(dataset)
        ids: dict[str, tuple[int, ...]] = {}
        entries = []
        for prediction in predictions:
            name = prediction.vocabulary
            if name not in ids:
                ids[name] = read_vocabulary(name, categories, self.ann_files[dataset]).ids
            _check_prediction(prediction, len(ids[name]))
            entries += [
                {
                    'video_id': prediction.video_id,
                    'category_id': ids[name][label],
                    'score': score,
                    'segmentations': tube,
                }
                for score, label, tube in zip(
                    prediction.scores, prediction.labels, prediction.tubes, strict=True
                )
            ]
        return entries

    def _categories(self, dataset: str) -> list[dict]:
        names = self._truths[dataset].category_names
        return [{'id': i, 'name': name} for i, name in names.items()]

    def _check_known(self, dataset: str) -> None:
        if dataset not in self.ann_files:
            raise ValueError(
                f'dataset {dataset!r} is predicted, but ann_files names {list(self.ann_files)}'
            )

    def _check_videos(self, dataset: str, video_ids: Collection[Any]) -> None:
        known = self._truths[dataset].videos
        unknown = [video_id for video_id in video_ids if video_id not in known]
        if unknown:
            raise ValueError(
                f'{len(unknown)} predicted videos are not in '
                f'{self.ann_files[dataset]}, the first of them {unknown[0]!r}'
            )

    def _report(self, dataset: str, predictions: Mapping[Any, VideoPrediction]) -> None:
        """Tell what the numbers leave out."""
        known = self._truths[dataset].videos
        if len(predictions) < len(known):
            print_log(
                f'{dataset}: {len(known) - len(predictions)} of {len(known)} videos were not '
                'predicted; their objects count as missed',
                logger='current',
                level=logging.WARNING,
            )
        discarded = sum(prediction.num_discarded for prediction in predictions.values())
        if discarded:
            print_log(
                f'{dataset}: {discarded} predictions of categories outside its vocabulary '
                'were discarded',
                logger='current',
            )

    def _write(self, dataset: str, entries: list[dict], num_predicted: int) -> None:
        if self.outfile_prefix is None:
            return
        folder = self.outfile_prefix / dataset
        results_file = write_results(entries, folder / 'results.json')
        archive = write_submission(results_file, folder / 'submission.zip')
        print_log(f'{dataset}: wrote {results_file} and {archive}', logger='current')
        without = num_predicted - len({entry['video_id'] for entry in entries})
        if without:
            print_log(
                f'{dataset}: {without} of {num_predicted} predicted videos have no result; a '
                'server may refuse such a file',
                logger='current',
                level=logging.WARNING,
            )


def _check_prediction(prediction: VideoPrediction, num_categories: int) -> None:
    for score, label in zip(prediction.scores, prediction.labels, strict=True):
        if not (math.isfinite(score) and 0 <= label < num_categories):
            raise ValueError(
                f'video {prediction.video_id!r}: expected finite scores and labels of '
                f'{num_categories} categories, got a score of {score} and label {label}'
            )


def _mean(values: Sequence[float]) -> float:
    """Mean of what could be measured; -1 without any."""
    measured = [value for value in values if value != -1]
    return sum(measured) / len(measured) if measured else -1.0


def format_table(numbers: Mapping[str, Mapping[str, float]]) -> str:
    """One row per dataset.

    Args:
        numbers: Per dataset the values of `TABLE_COLUMNS`, between 0 and 1, or -1 for none.

    Returns:
        The table as text.
    """
    rows = [[name, *(f'{row[key]:.3f}' for key in TABLE_COLUMNS)] for name, row in numbers.items()]
    table = AsciiTable([['dataset', *TABLE_COLUMNS], *rows])
    table.justify_columns = dict.fromkeys(range(1, len(TABLE_COLUMNS) + 1), 'right')
    return table.table


def read_vocabulary(name: str, categories: list[dict], ann_file: str) -> Vocabulary:
    """A vocabulary with the category ids of a file.

    Args:
        name: Of a registered vocabulary, or any for that of the file itself.
        categories: The file's ``categories``.
        ann_file: What error messages call the file.

    Returns:
        The vocabulary, whose order is that of the labels.

    Raises:
        ValueError: If the categories aren't those of the registered vocabulary.
    """
    if name in registered_vocabularies():
        return load_vocabulary(name).adopt_ids(categories, ann_file)
    return Vocabulary.from_categories(name, categories, ann_file)


def _read_truth(dataset: str, path: str, hidden: bool) -> GroundTruth:
    try:
        truth = read_ground_truth(path, hidden=hidden)
    except ValueError as error:
        raise ValueError(f'{dataset}, {error}') from error
    if not truth.tubes and not hidden:
        raise ValueError(f'{dataset}, {path}: {HIDDEN_GROUND_TRUTH}')
    return truth
