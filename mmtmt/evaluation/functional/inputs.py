"""Ground truth and results of video instance segmentation, read and checked."""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mmtmt.structures.image_sets import images_as_videos
from mmtmt.structures.packed_tube import PackedTube

from .rle import frame_areas
from .tubes import GroundTruth, Results, Tube, Video, mean_area

HIDDEN_GROUND_TRUTH = (
    'the ground truth has no annotations: the official validation and test files hide them. '
    'Write a submission instead (VideoInstanceMetric with format_only=True), '
    'or evaluate on annotated videos held out from the training set'
)


def read_json(source: str | Path | dict | list) -> dict | list:
    """Loads a json file, gzipped or not; anything already loaded is returned as it is.

    Args:
        source: path of the file, or its content.

    Returns:
        The content.

    Raises:
        ValueError: if the file is not valid json.
    """
    if isinstance(source, (dict, list)):
        return source
    path = Path(source)
    opener = gzip.open if path.suffix == '.gz' else open
    try:
        with opener(path, 'rb') as file:
            return json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f'{path}: not a complete json file ({error})') from error


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Lets errors in the content of a file name the file, and all be of one kind."""
    where = f'{source}: ' if isinstance(source, (str, Path)) else ''
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(where) else where + text) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{where}an entry is not in the YouTube-VIS form: {error!r}') from error


def read_ground_truth(source: str | Path | dict, *, hidden: bool = False) -> GroundTruth:
    """Reads an annotation file in the YouTube-VIS form, or in COCO's: images are videos of a frame.

    Args:
        source: path of a json or json.gz file, or its loaded content.
        hidden: leave the annotations out, which the file need not have then.

    Returns:
        The ground truth; its tubes are empty when the list of annotations is.

    Raises:
        ValueError: if the content isn't in the YouTube-VIS form or its annotations are hidden; the
            message names the file and the annotation.
    """
    with _naming(source):
        return _parse_ground_truth(read_json(source), hidden)


def _parse_ground_truth(data: dict | list, hidden: bool) -> GroundTruth:
    if isinstance(data, Mapping) and 'images' in data and 'videos' not in data:
        data = images_as_videos(data)
    if not isinstance(data, Mapping) or not {'videos', 'categories'} <= data.keys():
        raise ValueError(
            'expected ground truth in the YouTube-VIS form, an object with videos, categories and '
            f'annotations, got {sorted(data) if isinstance(data, Mapping) else type(data).__name__}'
        )
    videos = {video['id']: _read_video(video) for video in data['videos']}
    truth = GroundTruth(
        videos, {category['id']: category['name'] for category in data['categories']}
    )
    if hidden:
        return truth
    if data.get('annotations') is None:
        raise ValueError(HIDDEN_GROUND_TRUTH)
    tubes = defaultdict(list)
    for index, annotation in enumerate(data['annotations']):
        where = f'annotation {annotation.get("id")}'
        video = _check_entry(annotation, truth, where)
        masks, pixels = _read_tube(annotation, video, where)
        areas, occlusion = annotation.get('areas'), annotation.get('occlusion')
        tube = Tube(
            index,
            video.id,
            annotation['category_id'],
            masks,
            pixels,
            mean_area(pixels if areas is None else np.array([area or 0 for area in areas], float)),
            ignore=bool(annotation.get('iscrowd', 0)),
            id=annotation.get('id'),
            occlusion=None if occlusion is None else tuple(occlusion),
        )
        tubes[tube.video_id, tube.category_id].append(tube)
    truth.tubes = dict(tubes)
    return truth


def read_results(source: str | Path | Sequence[dict], truth: GroundTruth) -> Results:
    """Reads results in the YouTube-VIS form.

    Args:
        source: path of a json or json.gz file, or its loaded content: a list of ``{video_id,
            category_id, score, segmentations}``.
        truth: what they are to be compared with.

    Returns:
        The results, per (video id, category id) in the order of the file.

    Raises:
        ValueError: if an entry doesn't fit the ground truth; the message names the file and the
            entry.
    """
    with _naming(source):
        return _parse_results(read_json(source), truth)


def _parse_results(results: dict | list, truth: GroundTruth) -> Results:
    if not isinstance(results, list):
        raise ValueError(f'expected results as a list of entries, got {type(results).__name__}')
    tubes = defaultdict(list)
    for index, result in enumerate(results):
        where = f'result {index}'
        video = _check_entry(result, truth, where)
        score = result.get('score')
        if (
            isinstance(score, bool)
            or not isinstance(score, (int, float, np.number))
            or not math.isfinite(score)
        ):
            raise ValueError(f'{where}: expected a finite score, got {score!r}')
        masks, pixels = _read_tube(result, video, where)
        tube = Tube(
            index,
            video.id,
            result['category_id'],
            masks,
            pixels,
            mean_area(pixels),
            float(score),
        )
        tubes[tube.video_id, tube.category_id].append(tube)
    return Results(dict(tubes))


def _read_video(video: Mapping) -> Video:
    # Some files, those of UVO among them, leave the length to the list of frames.
    length = video['length'] if 'length' in video else len(video['file_names'])
    return Video(video['id'], int(video['height']), int(video['width']), int(length))


def _check_entry(entry: Mapping, truth: GroundTruth, where: str) -> Video:
    missing = {'video_id', 'category_id', 'segmentations'} - set(entry)
    if missing:
        raise ValueError(f'{where}: {", ".join(sorted(missing))} missing')
    if entry['video_id'] not in truth.videos:
        raise ValueError(f'{where}: video {entry["video_id"]!r} is not in the ground truth')
    if entry['category_id'] not in truth.category_names:
        raise ValueError(
            f'{where}: category {entry["category_id"]!r} is not in the ground truth, which has '
            f'{truth.category_ids}'
        )
    video = truth.videos[entry['video_id']]
    if len(entry['segmentations']) != video.length:
        raise ValueError(
            f'{where}: expected {video.length} segmentations, one per frame of video {video.id}, '
            f'got {len(entry["segmentations"])}'
        )
    return video


def _read_tube(entry: Mapping, video: Video, where: str) -> tuple[PackedTube, np.ndarray]:
    """The masks and their area in every frame (T,)."""
    try:
        masks = PackedTube.pack(entry['segmentations'], video.height, video.width)
        return masks, frame_areas(masks)
    except ValueError as error:
        raise ValueError(f'{where}, video {video.id}, {error}') from error
