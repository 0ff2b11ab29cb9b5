"""Ground truth and results of video instance segmentation, read and checked."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmtmt.structures.image_sets import images_as_videos
from mmtmt.structures.json_stream import iterate_json_list, load_json
from mmtmt.structures.packed_tube import PackedTube, pack_tube
from mmtmt.structures.rle import check_frame_size

from .overlap import MaskError, make_profiles, measure
from .tubes import GroundTruth, Results, Tube, TubesByGroup, Video, mean_area

HIDDEN_GROUND_TRUTH = (
    'the ground truth has no annotations: the official validation and test files hide them. '
    'Write a submission instead (VideoInstanceMetric with format_only=True), '
    'or evaluate on annotated videos held out from the training set '
    '(tools/dataset_converters/split_dataset.py)'
)
# Characters of masks to read before they are decoded.
MAX_PENDING = 2**26


@dataclass(frozen=True, slots=True)
class _Entry:
    """An annotation or result whose masks have not been decoded yet."""

    index: int
    category_id: int
    masks: PackedTube
    strings: list[str] | list[bytes]
    score: float = 1.0
    annotation: Mapping[str, Any] | None = None


def read_json(source: str | Path | dict | list) -> dict | list:
    """Loads a json file, gzipped or not; anything already loaded is returned as it is.

    Args:
        source: path of the file, or its content.

    Returns:
        The content.

    Raises:
        ValueError: if the file is not valid json.
    """
    return source if isinstance(source, (dict, list)) else load_json(source)


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Lets errors in the content of a file name the file."""
    where = f'{source}: ' if isinstance(source, (str, Path)) else ''
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(where) else where + text) from error


@contextmanager
def _as_value_error(where: str) -> Iterator[None]:
    """Turns the errors of a malformed entry into one that names it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f'{where} is not in the YouTube-VIS form: {error!r}') from error


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
    truth = GroundTruth(
        dict(_read_list(data, 'videos', _read_video)),
        dict(_read_list(data, 'categories', lambda category: category['name'])),
    )
    if hidden:
        return truth
    if data.get('annotations') is None:
        raise ValueError(HIDDEN_GROUND_TRUTH)
    ids = set()
    by_video: dict[int | str, list[_Entry]] = defaultdict(list)
    for index, annotation in enumerate(data['annotations']):
        with _as_value_error(f'annotations[{index}]'):
            name = annotation.get('id')
            where = f'annotation {name if name is not None else f"at position {index}"}'
            if name is not None and name in ids:
                raise ValueError(f'{where}: the id stands twice')
            ids.add(name)
            video, *parts = _read_entry(annotation, truth, where)
            by_video[video.id].append(_Entry(index, *parts, annotation=annotation))
    tubes: TubesByGroup = defaultdict(list)
    for video_id, entries in by_video.items():
        for entry, areas in zip(entries, _areas(video_id, entries)):
            tubes[video_id, entry.category_id].append(_object(video_id, entry, areas))
    truth.tubes = dict(tubes)
    return truth


def _areas(video_id: int | str, entries: list[_Entry]) -> np.ndarray:
    try:
        masks, strings = _masks(entries)
        return measure(masks, strings=strings)[0]
    except MaskError as error:
        where = f'annotation {entries[error.tube].annotation.get("id")}, video {video_id}'
        raise ValueError(f'{where}, {error}') from error


def _object(video_id: int | str, entry: _Entry, pixels: np.ndarray) -> Tube:
    annotation = entry.annotation
    areas, occlusion = annotation.get('areas'), annotation.get('occlusion')
    with _as_value_error(f'annotation {annotation.get("id")}'):
        listed = pixels if areas is None else np.array([area or 0 for area in areas], float)
        if not np.isfinite(listed).all():
            raise ValueError(f'annotation {annotation.get("id")}: expected finite areas')
        return Tube(
            entry.index,
            video_id,
            entry.category_id,
            entry.masks,
            pixels,
            mean_area(listed),
            ignore=bool(annotation.get('iscrowd', 0)),
            id=annotation.get('id'),
            occlusion=None if occlusion is None else tuple(occlusion),
        )


def read_results(
    source: str | Path | Iterable[dict], truth: GroundTruth, *, least_iou: float = 0.0
) -> Results:
    """Reads results in the YouTube-VIS form.

    A file is read entry by entry and its masks stay compressed, so that the memory needed is about
    that of the file.

    Args:
        source: path of a json or json.gz file, or its loaded content: a list of ``{video_id,
            category_id, score, segmentations}``.
        truth: what they are to be compared with.
        least_iou: leave out the overlap with objects where it can't reach this IoU, which saves
            time.

    Returns:
        The results, per (video id, category id) in the order of the file.

    Raises:
        ValueError: if an entry doesn't fit the ground truth; the message names the file and the
            entry.
    """
    with _naming(source):
        if isinstance(source, (str, Path)):
            source = iterate_json_list(source)
        elif not isinstance(source, list):
            raise ValueError(f'expected results as a list of entries, got {type(source).__name__}')
        results = Results(truth)
        pending: dict[int | str, list[_Entry]] = defaultdict(list)
        characters = 0
        for index, result in enumerate(source):
            where = f'result {index}'
            with _as_value_error(where):
                video, *parts = _read_entry(result, truth, where)
                score = _read_score(result.get('score'), where)
                pending[video.id].append(_Entry(index, *parts, score))
            characters += pending[video.id][-1].masks.num_bytes
            if characters > MAX_PENDING:
                _measure_results(pending, results, least_iou)
                characters = 0
        _measure_results(pending, results, least_iou)
        return results


def _measure_results(
    pending: dict[int | str, list[_Entry]], results: Results, least_iou: float
) -> None:
    """Decodes the masks of results, video by video, and moves them over."""
    objects: dict[int | str, list[Tube]] = defaultdict(list)
    for (video_id, _), group in results.truth.tubes.items():
        objects[video_id] += group
    for video_id, entries in pending.items():
        categories = np.array([entry.category_id for entry in entries])
        near = [tube for tube in objects[video_id] if tube.category_id in categories]
        wanted = categories[:, None] == np.array([tube.category_id for tube in near], int)
        masks, strings = _masks(entries)
        try:
            profiles = make_profiles([tube.masks for tube in near])
            areas, shared = measure(masks, profiles, wanted, least_iou=least_iou, strings=strings)
        except MaskError as error:
            index = entries[error.tube].index
            raise ValueError(f'result {index}, video {video_id}, {error}') from error
        visible = np.maximum((areas > 0).sum(axis=1), 1)
        means = areas.sum(axis=1) / visible
        for n, entry in enumerate(entries):
            tube = Tube(
                entry.index,
                video_id,
                entry.category_id,
                entry.masks,
                areas[n],
                float(means[n]),
                entry.score,
                shared=shared[n, wanted[n]],
            )
            results.tubes.setdefault((video_id, entry.category_id), []).append(tube)
    pending.clear()


def _masks(entries: Sequence[_Entry]) -> tuple[list[PackedTube], list[list[str] | list[bytes]]]:
    return [entry.masks for entry in entries], [entry.strings for entry in entries]


def _read_list(data: Mapping, key: str, read: Any) -> Iterator[tuple[Any, Any]]:
    """Yields pairs of the id and what is read of every entry of a list; ids stand once."""
    known = set()
    for index, entry in enumerate(data[key]):
        with _as_value_error(f'{key}[{index}]'):
            if isinstance(entry['id'], bool) or entry['id'] in known:
                raise ValueError(f'{key}[{index}]: the id {entry["id"]!r} stands twice')
            known.add(entry['id'])
            yield entry['id'], read(entry)


def _read_video(video: Mapping) -> Video:
    # Some files, those of UVO among them, leave the length to the list of frames.
    length = video['length'] if 'length' in video else len(video['file_names'])
    height, width, length = (int(number) for number in (video['height'], video['width'], length))
    try:
        check_frame_size(height, width)
    except ValueError as error:
        raise ValueError(f'video {video["id"]}: {error}') from error
    if length < 0:
        raise ValueError(f'video {video["id"]}: expected a length, got {length}')
    return Video(video['id'], height, width, length)


def _read_entry(
    entry: Mapping, truth: GroundTruth, where: str
) -> tuple[Video, int, PackedTube, list[str] | list[bytes]]:
    """The video, category and masks of an annotation or result, and the masks' strings."""
    missing = {'video_id', 'category_id', 'segmentations'} - set(entry)
    if missing:
        raise ValueError(f'{where}: {", ".join(sorted(missing))} missing')
    video = truth.videos.get(entry['video_id'])
    if video is None or isinstance(entry['video_id'], bool):
        raise ValueError(f'{where}: video {entry["video_id"]!r} is not in the ground truth')
    category_id = entry['category_id']
    if category_id not in truth.category_names or isinstance(category_id, bool):
        raise ValueError(
            f'{where}: category {category_id!r} is not in the ground truth, which has '
            f'{truth.category_ids}'
        )
    segmentations = entry['segmentations']
    if not isinstance(segmentations, (list, tuple)) or len(segmentations) != video.length:
        got = len(segmentations) if isinstance(segmentations, (list, tuple)) else segmentations
        raise ValueError(
            f'{where}: expected {video.length} segmentations, one per frame of video {video.id}, '
            f'got {got!r:.80}'
        )
    try:
        return video, category_id, *pack_tube(segmentations, video.height, video.width)
    except ValueError as error:
        raise ValueError(f'{where}, video {video.id}, {error}') from error


def _read_score(score: Any, where: str) -> float:
    number = isinstance(score, (int, float, np.number)) and not isinstance(score, bool)
    if not number or not math.isfinite(score):
        raise ValueError(f'{where}: expected a finite score, got {score!r:.80}')
    return float(score)
