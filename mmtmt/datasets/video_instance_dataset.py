"""Native reader of the YouTube-VIS json family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmtmt.datasets.annotation_file import (
    AnnotationError,
    load_annotation_file,
    parse_annotations,
    parse_videos,
)
from mmtmt.datasets.sample_key import SampleKey
from mmtmt.registry import DATASETS, TRANSFORMS
from mmtmt.structures.images import FrameError
from mmtmt.taxonomy import LabelMap, Vocabulary, load_vocabulary, vocabulary_of_file


@DATASETS.register_module()
class VideoInstanceDataset(BaseDataset):
    """Videos with instance tubes, one item per video.

    It stands on mmengine's dataset and not on mmdet's `BaseVideoDataset`, which wants one
    annotation per frame, drops frames without any in training and takes an instance id of 0 for
    missing. Here all frames stay, ids are 1, 2, ... within a video, and labels follow the
    vocabulary, never the order of the file.

    Masks stay compressed, in one buffer that worker processes share. Randomness comes from the
    `SampleKey` alone that the sampler passes as an index. A plain integer works too and gives
    the same clip at every visit.

    Args:
        ann_file: The json file, relative to `data_root`. Without ``annotations`` it can be used in
            test mode.
        vocabulary: What `mmtmt.taxonomy.load_vocabulary` takes; the file's categories must agree
            with it. None takes the file's own categories under the dataset's name.
        label_map: Train in the categories of another vocabulary and leave out what has none there:
            arguments of `mmtmt.taxonomy.LabelMap.load`, as ``dict(target='ytvis19')`` for the
            table of the published code.
        name: Name of the dataset, by which metrics and messages refer to it; by default that of
            the vocabulary, else the file's stem.
        data_root: Folder of the dataset.
        data_prefix: ``dict(img=...)``, folder of the frames relative to `data_root`. Nothing
            outside of it is read.
        pipeline: Transforms, or their configs.
        test_mode: Whether the videos are for evaluation: annotations may be missing and nothing is
            filtered.
        filter_cfg: ``dict(filter_empty=True)`` leaves out videos with no instance to learn from.
        indices: Use the first videos only (an integer), or those with these indices.
        lazy_init: Whether the file is read at the first use instead of now.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If the file is no valid json of this family, or its categories don't
            agree with the vocabulary.
    """

    def __init__(
        self,
        *,
        ann_file: str,
        vocabulary: str | Path | Mapping | Vocabulary | None = None,
        label_map: Mapping[str, Any] | None = None,
        name: str | None = None,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        filter_cfg: Mapping[str, bool] | None = None,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
    ) -> None:
        unknown = set(filter_cfg or {}) - {'filter_empty'}
        if unknown:
            raise ValueError(f'filter_cfg: expected filter_empty only, got {sorted(unknown)}')
        self.vocabulary = None if vocabulary is None else load_vocabulary(vocabulary)
        if label_map is not None and (self.vocabulary is None or test_mode):
            raise ValueError('label_map needs a vocabulary to map from, and is for training alone')
        self.label_map = label_map and LabelMap.load(self.vocabulary, **label_map)
        self.name = name or (self.vocabulary.name if self.vocabulary else Path(ann_file).stem)
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix={'img': '', **(data_prefix or {})},
            filter_cfg=dict(filter_cfg or {}),
            indices=indices,
            pipeline=[TRANSFORMS.build(t) if isinstance(t, Mapping) else t for t in pipeline],
            test_mode=test_mode,
            lazy_init=lazy_init,
        )

    @property
    def metainfo(self) -> dict[str, Any]:
        """Name, vocabulary, class names and their ids in the json file."""
        metainfo: dict[str, Any] = {'dataset': self.name, 'ann_file': self.ann_file}
        if self.vocabulary is not None:
            metainfo.update(
                vocabulary=self.vocabulary.name,
                classes=tuple(self.vocabulary.names),
                category_ids=tuple(self.vocabulary.ids),
            )
        return metainfo

    @property
    def video_ids(self) -> list[int]:
        """Ids of the videos in the json file, in the order of the items."""
        return [self.get_data_info(index)['video_id'] for index in range(len(self))]

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the annotation file.

        Returns:
            A dict per video, see `mmtmt.datasets.annotation_file`.

        Raises:
            AnnotationError: If the file is not valid, or lacks annotations outside test mode.
        """
        store = bytearray()
        try:
            videos = self._read(store)
        except ValueError as error:
            raise AnnotationError(str(error)) from error
        self.mask_store = np.frombuffer(store, np.uint8)
        return list(videos.values())

    def _read(self, store: bytearray) -> dict[int, dict[str, Any]]:
        """Read and check the file; the masks go to the store."""
        data = self._load(store)
        annotated = data.get('annotations') is not None
        if not annotated and not self.test_mode:
            raise ValueError(
                f'{self.ann_file}: expected "annotations" to train on; files of videos without '
                'any can be used with test_mode=True'
            )
        if 'categories' in data or self.vocabulary is None or annotated:
            self.vocabulary = self._check_categories(data.get('categories'))
        videos = parse_videos(data, self.ann_file)
        parse_annotations(data, videos, self.vocabulary, self.ann_file, store)
        if self.label_map is not None:
            self._map_labels(videos)
        return videos

    def _map_labels(self, videos: Mapping[int, dict[str, Any]]) -> None:
        """Move to the vocabulary of the label map, without the instances that it leaves out."""
        self.vocabulary = self.label_map.target
        before = sum(len(video['instances']) for video in videos.values())
        for video in videos.values():
            for instance in video['instances']:
                instance['label'] = self.label_map.labels[instance['label']]
            video['instances'] = [i for i in video['instances'] if i['label'] >= 0]
        dropped = before - sum(len(video['instances']) for video in videos.values())
        print_log(
            f'{self.name}: in the categories of {self.vocabulary.name}, without {dropped} of '
            f'{before} instances, which have none there',
            'current',
        )

    def _load(self, store: bytearray) -> dict[str, Any]:
        """Read the file's content in the form of this family."""
        return load_annotation_file(self.ann_file, store)

    def _check_categories(self, categories: Any) -> Vocabulary:
        """Hold the vocabulary against the file's categories, whose ids count."""
        if self.vocabulary is None:
            return vocabulary_of_file(self.name, categories, self.ann_file)
        return self.vocabulary.adopt_ids(categories, self.ann_file)

    def filter_data(self) -> list[dict[str, Any]]:
        """Leave out videos without instances when the configuration asks for it.

        Returns:
            The remaining videos.

        Raises:
            ValueError: If none remains.
        """
        if self.test_mode or not self.filter_cfg.get('filter_empty', False):
            return self.data_list
        kept = [
            video
            for video in self.data_list
            if any(
                not instance['iscrowd'] and instance['tube'].num_bytes
                for instance in video['instances']
            )
        ]
        if not kept:
            raise ValueError(f'{self.ann_file}: no video has an instance to learn from')
        if len(kept) < len(self.data_list):
            dropped = len(self.data_list) - len(kept)
            print_log(f'{self.name}: left out {dropped} videos without instances', 'current')
        return kept

    def __getitem__(self, key: int | SampleKey) -> dict[str, Any]:
        """Run the pipeline on a video.

        Args:
            key: Index of the video, with the randomness of this visit when a sampler gives it.

        Returns:
            What the pipeline makes of it: ``inputs`` and ``data_samples``.

        Raises:
            FrameError: If a frame can't be read; dataset and video are named.
            AnnotationError: If an annotation is malformed; dataset and video are named.
        """
        if not isinstance(key, SampleKey):
            index = range(len(self))[int(key)]
            key = SampleKey(index=index, sample_index=index)
        results = self.get_data_info(key.index)
        results.update(
            dataset=self.name,
            vocabulary=self.vocabulary.name,
            img_root=self.data_prefix['img'],
            sample_index=key.sample_index,
            seed=key.seed,
            rng=key.generator(),
        )
        try:
            return self.pipeline(results)
        except (FrameError, ValueError) as error:
            where = f'{self.name}, video {results["video_id"]}'
            if isinstance(error, FrameError):
                raise FrameError(f'{where}: {error}') from error
            raise AnnotationError(f'{where} of {self.ann_file}: {error}') from error

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return what is known of a video.

        Args:
            idx: Index of the video.

        Returns:
            A dict of ``video_id``, ``height``, ``width``, ``file_names``, ``instances``.
        """
        data_info = super().get_data_info(idx)
        data_info.pop('sample_idx')
        for instance in data_info['instances']:
            instance['tube'].fetch_from(self.mask_store)
        return data_info
