"""Overlay videos of what was predicted in a test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmtmt.evaluation.metrics import TABLE_COLUMNS
from mmtmt.registry import HOOKS
from mmtmt.visualization import (
    Track,
    render_video,
    tracks_from_prediction,
    write_report,
)


@HOOKS.register_module()
class VISVisualizationHook(Hook):
    """Draws predicted tracks, beside the ground truth where there is one.

    Videos are written as ``show_dir/DATASET_VIDEO.mp4`` while the test runs, and a page
    ``show_dir/index.html`` that shows them with the metrics at its end. mmdet's hook of this
    kind draws frame by frame and wants predictions per frame.

    Args:
        show_dir: Folder of the videos.
        min_score: Predictions of a lower score are not drawn.
        max_videos: How many videos of each dataset to draw, the first ones of every process; None
            draws all.
        fps: Frames per second.
        title: Headline of the page.
    """

    priority = 'LOW'

    def __init__(
        self,
        *,
        show_dir: str,
        min_score: float = 0.3,
        max_videos: int | None = None,
        fps: float = 8.0,
        title: str = 'Predictions',
    ) -> None:
        self.show_dir = Path(show_dir)
        self.min_score = min_score
        self.max_videos = max_videos
        self.fps = fps
        self.title = title
        self._drawn: dict[str, list[str]] = {}
        self._positions: dict[tuple[str, Any], tuple[Any, int]] = {}

    def before_test_epoch(self, runner: Any) -> None:
        """Looks up where each video is in the datasets.

        Args:
            runner: The runner.
        """
        self._drawn = {}
        dataset = runner.test_dataloader.dataset
        # Only the reader of a dataset knows its annotations; a concatenation holds several.
        for part in getattr(dataset, 'datasets', [dataset]):
            for position in range(len(part)):
                key = (part.name, part.get_data_info(position)['video_id'])
                self._positions[key] = (part, position)

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: dict, outputs: Sequence
    ) -> None:
        """Draws the videos of a batch.

        Args:
            runner: Not used.
            batch_idx: Not used.
            data_batch: ``inputs`` holds the frame sources.
            outputs: Samples with ``pred_tubes``.
        """
        for source, sample in zip(data_batch['inputs'], outputs, strict=True):
            name, video_id = sample.metainfo['dataset'], sample.metainfo['video_id']
            drawn = self._drawn.setdefault(name, [])
            if self.max_videos is not None and len(drawn) >= self.max_videos:
                continue
            dataset, position = self._positions[name, video_id]
            prediction = sample.pred_tubes
            tracks = tracks_from_prediction(
                prediction.scores,
                prediction.labels,
                prediction.tubes,
                dataset.vocabulary.names,
                min_score=self.min_score,
            )
            stem = f'{video_id:04d}' if isinstance(video_id, int) else str(video_id)
            video = render_video(
                source,
                {**_ground_truth(dataset, position), 'prediction': tracks},
                self.show_dir / f'{name}_{stem}.mp4',
                title=f'{name} {video_id}',
                fps=self.fps,
            )
            drawn.append(str(video))

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Writes the page.

        Args:
            runner: Not used.
            metrics: Shown as a table, a row per dataset.
        """
        # a video of an earlier test that lies there has no place beside these metrics
        videos: dict[str, set[str]] = {}
        for of_process in all_gather_object(self._drawn):
            for name, drawn in of_process.items():
                # not where processes don't share a disk
                videos.setdefault(name, set()).update(filter(os.path.isfile, drawn))
        if not is_main_process():
            return
        numbers: dict[str, dict[str, float]] = {}
        for key, value in (metrics or {}).items():
            row, _, column = key.partition('/')
            if column in TABLE_COLUMNS:
                numbers.setdefault(row, {})[column] = value
        page = write_report(self.show_dir, title=self.title, numbers=numbers, videos=videos)
        print_log(f'overlay videos: {page}', logger='current')


def _ground_truth(dataset: Any, position: int) -> dict[str, list[Track]]:
    """The panel with the annotated tracks of a video, none when nothing is annotated."""
    instances = [
        instance
        for instance in dataset.get_data_info(position)['instances']
        if not instance['iscrowd']
    ]
    tracks = [
        Track(
            number,
            dataset.vocabulary.names[instance['label']],
            [instance['tube'].rle(frame) for frame in range(len(instance['tube']))],
        )
        for number, instance in enumerate(instances, start=1)
    ]
    return {'ground truth': tracks} if tracks else {}
