"""One set of generated videos for two evaluators: this package's and mmdet's."""
import contextlib
import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmdet.evaluation.functional import YTVIS, YTVISeval
from mmdet.evaluation.metrics import YouTubeVISMetric
from mmengine.structures import InstanceData
from pycocotools import mask as mask_api

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.functional import Results, read_ground_truth, read_results
from mmtmt.evaluation.metrics import VideoInstanceMetric
from mmtmt.structures.tubes import encode_tube

CORNERS = 40
JITTER = 15
MAX_OBJECTS = 5
SHARE_OF_NULL = 0.05
SHARE_OF_CROWD = 0.1
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Scale:
    """How much there is to evaluate.

    Attributes:
        videos: Number of videos.
        results: Results per video.
        frames: Frames per video.
        categories: Number of categories.
        size: Height and width of the frames in pixels.
    """

    videos: int
    results: int
    frames: int
    categories: int = 40
    size: tuple[int, int] = (360, 640)

    def __str__(self) -> str:
        """Return the numbers that the tables tell."""
        return f'{self.videos} x {self.results} x {self.frames}'


@dataclass(frozen=True)
class _Blob:
    """A wobbling shape that drifts through a video; lengths in pixels."""

    center: np.ndarray
    radius: float
    drift: np.ndarray
    phase: float
    category: int

    def polygon(self, frame: int, size: tuple[int, int]) -> list[float]:
        angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        phase = self.phase + 0.05 * frame
        radius = 1 + 0.2 * np.sin(3 * angle + phase) + 0.08 * np.sin(11 * angle + 2 * phase)
        direction = np.stack([np.cos(angle), np.sin(angle)], 1)
        points = self.center + self.drift * frame + self.radius * radius[:, None] * direction
        return points.clip(0, size[::-1]).ravel().tolist()


def generate(scale: Scale, seed: int = 0) -> tuple[dict, list[dict]]:
    """Makes ground truth and results in the YouTube-VIS form.

    A video has one to five objects, a tenth of them crowds. Each result follows one of them with
    an offset; half have its category, the others any. A twentieth of all masks are null.

    Args:
        scale: How much.
        seed: Of the random numbers.

    Returns:
        The contents of both files.
    """
    rng = np.random.default_rng(seed)
    height, width = scale.size
    categories = [dict(id=k + 1, name=f'category {k + 1}') for k in range(scale.categories)]
    videos, annotations, results = [], [], []
    for video_id in range(1, scale.videos + 1):
        videos.append(dict(id=video_id, height=height, width=width, length=scale.frames,
                           file_names=[f'{video_id}/{t}.jpg' for t in range(scale.frames)]))
        blobs = [_Blob(rng.uniform([0.2 * width, 0.2 * height], [0.8 * width, 0.8 * height]),
                       rng.uniform(0.1, 0.3) * height, rng.uniform(-1, 1, 2),
                       rng.uniform(0, 6), int(rng.integers(scale.categories)) + 1)
                 for _ in range(rng.integers(1, MAX_OBJECTS + 1))]
        for blob in blobs:
            masks = _segmentations(blob, scale, rng)
            areas = [mask and int(mask_api.area(mask)) for mask in masks]
            annotations.append(dict(
                id=len(annotations) + 1, video_id=video_id, category_id=blob.category,
                iscrowd=int(rng.random() < SHARE_OF_CROWD), segmentations=masks, areas=areas))
        for _ in range(scale.results):
            blob = blobs[rng.integers(len(blobs))]
            other = int(rng.integers(scale.categories)) + 1
            near = _Blob(blob.center + rng.normal(0, JITTER, 2),
                         blob.radius * rng.uniform(0.9, 1.1), blob.drift, blob.phase,
                         blob.category if rng.random() < 0.5 else other)
            results.append(dict(
                video_id=video_id, category_id=near.category, score=float(rng.random()),
                segmentations=_segmentations(near, scale, rng)))
    return dict(videos=videos, categories=categories, annotations=annotations), results


def _segmentations(blob: _Blob, scale: Scale, rng: np.random.Generator) -> list[dict | None]:
    height, width = scale.size
    masks: list[dict | None] = []
    for frame in range(scale.frames):
        if rng.random() < SHARE_OF_NULL:
            masks.append(None)
            continue
        rle = mask_api.frPyObjects([blob.polygon(frame, scale.size)], height, width)[0]
        masks.append(dict(size=[height, width], counts=rle['counts'].decode()))
    return masks


def write(scale: Scale, folder: Path) -> tuple[Path, Path]:
    """Writes the two files of a scale.

    Args:
        scale: How much.
        folder: Where.

    Returns:
        Paths of ground truth and results.
    """
    paths = folder / 'gt.json', folder / 'results.json'
    for path, content in zip(paths, generate(scale)):
        path.write_text(json.dumps(content), encoding='utf-8')
    return paths


def restore_alias() -> None:
    """Give back the alias that NumPy removed and mmdet's accumulate() still has."""
    np.float = float


class Theirs:
    """mmdet's YTVISeval."""

    name = 'mmdet'

    def __init__(self) -> None:
        restore_alias()

    def load(self, gt: dict | Path, results: list | Path) -> tuple[YTVIS, YTVIS]:
        """From contents or files to what it evaluates; contents get new keys."""
        gt, results = (str(x) if isinstance(x, Path) else x for x in (gt, results))
        with contextlib.redirect_stdout(io.StringIO()):
            truth = YTVIS(gt)
            return truth, truth.loadRes(results)

    def evaluate(self, loaded: tuple[YTVIS, YTVIS]) -> dict[str, Any]:
        """Numbers and arrays."""
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator = YTVISeval(*loaded, 'segm')
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
        return dict(evaluator.eval, stats=evaluator.stats)

    def whole(self, gt: dict | Path, results: list | Path) -> dict[str, Any]:
        """From contents or files to numbers and arrays."""
        return self.evaluate(self.load(gt, results))


class Ours:
    """This package's evaluate()."""

    name = 'mmtmt'

    def load(self, gt: dict | Path, results: list | Path) -> Results:
        """From contents or files to what it evaluates."""
        return read_results(results, read_ground_truth(gt), least_iou=0.5)

    def evaluate(self, loaded: Results) -> dict[str, Any]:
        """Numbers and arrays."""
        return evaluate(loaded.truth, loaded)

    def whole(self, gt: dict | Path, results: list | Path) -> dict[str, Any]:
        """From contents or files to numbers and arrays."""
        return evaluate(gt, results)


def assert_same_numbers(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Compares the numbers and both arrays.

    Args:
        ours: What `Ours` returned.
        theirs: What `Theirs` returned.

    Raises:
        AssertionError: If they differ.
    """
    for key in ('stats', 'precision', 'recall'):
        difference = np.abs(np.asarray(ours[key]) - np.asarray(theirs[key])).max()
        assert difference <= TOLERANCE, f'{key} differ by {difference}'
    assert ours['AP'] > 0, 'nothing was found'


class ModelMasks:
    """The masks of a model, pixels in memory, and what both packages do from there to numbers.

    Args:
        scale: How much.
        folder: Where to write the ground truth.
    """

    def __init__(self, scale: Scale, folder: Path) -> None:
        restore_alias()
        self.gt, results = generate(scale)
        self.classes = tuple(category['name'] for category in self.gt['categories'])
        self.gt_file = folder / 'gt.json'
        self.gt_file.write_text(json.dumps(self.gt), encoding='utf-8')
        self.results: dict[int, list[dict]] = {video['id']: [] for video in self.gt['videos']}
        for result in results:
            masks = np.zeros((scale.frames, *scale.size), bool)
            for frame, rle in enumerate(result['segmentations']):
                if rle is not None:
                    masks[frame] = mask_api.decode(rle)
            self.results[result['video_id']].append(dict(result, masks=masks))
        self.samples = [self._their_video(video) for video in self.gt['videos']]

    def ours(self) -> dict[str, float]:
        """Tubes as the models make them, then VideoInstanceMetric."""
        metric = VideoInstanceMetric(ann_files={'generated': str(self.gt_file)})
        for video_id, results in self.results.items():
            tubes = dict(
                scores=[result['score'] for result in results],
                labels=[result['category_id'] - 1 for result in results],
                tubes=[encode_tube(result['masks']) for result in results])
            metric.process(None, [dict(dataset='generated', vocabulary='generated',
                                       video_id=video_id, pred_tubes=tubes)])
        numbers = metric.evaluate(len(self.results))
        return {key: numbers[f'generated/{key}'] for key in ('AP', 'AP50', 'AP75')}

    def theirs(self) -> dict[str, float]:
        """Masks per frame as mmdet's models return them, then YouTubeVISMetric."""
        metric = YouTubeVISMetric()
        metric.dataset_meta = dict(classes=self.classes)
        with contextlib.redirect_stdout(io.StringIO()):
            for frames in self.samples:
                metric.process_video(frames)
            numbers = metric.evaluate(len(self.samples))
        names = dict(AP='mAP', AP50='mAP_50', AP75='mAP_75')
        return {key: numbers[f'youtube_vis/segm_{name}'] for key, name in names.items()}

    def assert_same(self) -> None:
        """mmdet's metric rounds to three digits, and takes boxes for the areas of objects."""
        ours, theirs = self.ours(), self.theirs()
        for key, value in theirs.items():
            assert abs(ours[key] - value) <= 5.1e-4, f'{key}: {ours[key]} and {value}'

    def _their_video(self, video: dict) -> list[SimpleNamespace]:
        results = self.results[video['id']]
        objects = [a for a in self.gt['annotations'] if a['video_id'] == video['id']]
        masks = np.stack([result['masks'] for result in results], 1)
        shared = dict(
            scores=torch.tensor([result['score'] for result in results], dtype=torch.float64),
            labels=torch.tensor([result['category_id'] - 1 for result in results]),
            bboxes=torch.zeros(len(results), 4), instances_id=torch.arange(len(results)))
        frames = []
        for t in range(video['length']):
            sample = dict(
                video_id=video['id'], img_id=video['id'] * 10_000 + t,
                ori_shape=(video['height'], video['width']),
                pred_track_instances=InstanceData(masks=torch.from_numpy(masks[t]), **shared),
                instances=[dict(bbox_label=a['category_id'] - 1, bbox=[0, 0, 1, 1],
                                instance_id=a['id'], ignore_flag=a['iscrowd'],
                                mask=dict(a['segmentations'][t]))
                           for a in objects if a['segmentations'][t]])
            frames.append(SimpleNamespace(to_dict=partial(dict, sample)))
        return frames
