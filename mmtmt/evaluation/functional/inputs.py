"""Ground truth and results of video instance segmentation, read and checked."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmtmt.structures.crowd import read_crowd
from mmtmt.structures.image_sets import images_as_videos
from mmtmt.structures.json_stream import iterate_json_list, load_json
from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.rle import check_frame_size
from mmtmt.structures.tube_decoder import TubeDecoder

from .entries import as_value_error, place_of_result, read_entry, read_score, shown
from .overlap import measure
from .tube_runs import MaskError
from .tubes import GroundTruth, Results, Tube, TubesByGroup, Video, mean_area

HIDDEN_GROUND_TRUTH = (
    'the ground truth has no annotations: the official validation and test files hide them. '
    'Write a submission instead (VideoInstanceMetric with format_only=True), '
    'or evaluate on annotated videos held out from the training set '
    '(tools/dataset_converters/split_dataset.py)'
)
# Characters of masks to read before they are decoded.
MAX_PENDING = 2**26
# Those of results whose objects are decoded together. An object takes some 15 bytes for each.
MAX_TOGETHER = 2**20
# Columns of those objects' videos; a table of an object takes some 16 bytes for each.
MAX_COLUMNS = 2**21


@dataclass(frozen=True, slots=True)
class _Entry:
    """An annotation or result whose masks have not been decoded yet."""

    index: int
    category_id: int
    masks: PackedTube
    score: float = 1.0
    annotation: Mapping[str, Any] | None = None


def read_json(source: str | Path | dict | list) -> dict | list:
    """Loads a json file, gzipped or not; anything already loaded is returned as it is.

    Args:
        source: path of the file, or its content.

    Returns:
        The content.

    Raises:
        ValueError: if the file is not valid json, or the source is neither.
    """
    if isinstance(source, (dict, list)):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f'expected a json file or its content, got {shown(source)}')
    return load_json(source)


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Lets errors in the content of a file name the file."""
    where = f'{source}: ' if isinstance(source, (str, Path)) else ''
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(where) else where + text) from error


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
        if isinstance(source, (str, os.PathLike)):
            return _parse_ground_truth(load_json(source, TubeDecoder()), hidden)
        return _parse_ground_truth(read_json(source), hidden)


def _parse_ground_truth(data: dict | list, hidden: bool) -> GroundTruth:
    if isinstance(data, Mapping) and 'images' in data and 'videos' not in data:
        with as_value_error('the list of images'):
            data = images_as_videos(data)
    if not isinstance(data, Mapping) or not {'videos', 'categories'} <= data.keys():
        raise ValueError(
            'expected ground truth in the YouTube-VIS form, an object with videos, categories and '
            f'annotations, got {sorted(data) if isinstance(data, Mapping) else type(data).__name__}'
        )
    truth = GroundTruth(
        dict(_read_list(data, 'videos', _read_video)),
        dict(_read_list(data, 'categories', _read_category)),
    )
    if hidden:
        return truth
    if data.get('annotations') is None:
        raise ValueError(HIDDEN_GROUND_TRUTH)
    ids = set()
    entries: list[tuple[int | str, _Entry]] = []
    for index, annotation in enumerate(_as_list(data, 'annotations')):
        with as_value_error(f'annotations[{index}]'):
            name = annotation.get('id')
            where = _name(annotation, index)
            if name is not None and name in ids:
                raise ValueError(f'{where}: the id stands twice')
            ids.add(name)
            video, *parts = read_entry(annotation, truth, where, truth.left_out)
            entries.append((video.id, _Entry(index, *parts, annotation=annotation)))
    tubes: TubesByGroup = defaultdict(list)
    for (video_id, entry), areas in zip(entries, _areas(entries)):
        tubes[video_id, entry.category_id].append(_object(video_id, entry, areas))
    truth.tubes = dict(tubes)
    return truth


def _areas(entries: list[tuple[int | str, _Entry]]) -> list[np.ndarray]:
    try:
        return measure([entry.masks for _, entry in entries])[0]
    except MaskError as error:
        video_id, entry = entries[error.tube]
        where = _name(entry.annotation, entry.index)
        raise ValueError(f'{where}, video {video_id}, {error}') from error


def _area(area: Any) -> float:
    if area is not None and not isinstance(area, (int, float, np.number)):
        raise TypeError
    return float(area or 0)


def _object(video_id: int | str, entry: _Entry, pixels: np.ndarray) -> Tube:
    annotation, where = entry.annotation, _name(entry.annotation, entry.index)
    areas = _list_per_frame(annotation, 'areas', len(pixels), where)
    occlusion = _list_per_frame(annotation, 'occlusion', len(pixels), where)
    try:
        listed = pixels if areas is None else np.array([_area(area) for area in areas], float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f'{where}: expected areas in numbers, got {shown(areas)}') from None
    if not np.isfinite(listed).all():
        raise ValueError(f'{where}: expected finite areas, got {shown(areas)}')
    try:
        crowd = read_crowd(annotation)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None
    return Tube(
        entry.index,
        video_id,
        entry.category_id,
        entry.masks,
        pixels,
        mean_area(listed),
        ignore=crowd,
        id=annotation.get('id'),
        occlusion=None if occlusion is None else tuple(occlusion),
    )


def _list_per_frame(annotation: Mapping, key: str, length: int, where: str) -> list | None:
    """A list with an entry for each frame, or None where the annotation hasn't got it."""
    values = annotation.get(key)
    if values is None or (isinstance(values, (list, tuple)) and len(values) == length):
        return values
    raise ValueError(
        f'{where}: expected {key} as a list with an entry for each of the {length} frames, '
        f'got {shown(values)}'
    )


def _name(annotation: Mapping, index: int) -> str:
    name = annotation.get('id')
    return f'annotation at position {index}' if name is None else f'annotation {shown(name)}'


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
            source = iterate_json_list(source, decoder=TubeDecoder())
        elif isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
            raise ValueError(
                f'expected results as a file or a list of entries, got {shown(source)}'
            )
        results = Results(truth)
        pending: dict[int | str, list[_Entry]] = defaultdict(list)
        characters = 0
        datasets: set[object] = set()
        for index, result in enumerate(source):
            where = place_of_result(index, result)
            with as_value_error(where):
                if isinstance(result, Mapping) and 'dataset' in result:
                    datasets.add(result['dataset'])
                    _check_one_dataset(datasets, where)
                video, *parts = read_entry(result, truth, where, results.left_out)
                try:
                    score = read_score(result.get('score'))
                except ValueError as error:
                    raise ValueError(f'{where}: {error}') from error
                pending[video.id].append(_Entry(index, *parts, score))
            characters += pending[video.id][-1].masks.num_bytes
            if characters > MAX_PENDING:
                _measure_results(pending, results, least_iou)
                characters = 0
        _measure_results(pending, results, least_iou)
        return results


def _check_one_dataset(datasets: set[object], where: str) -> None:
    if len(datasets) > 1:
        raise ValueError(
            f'{where}: the results before are of another dataset, and one ground truth can not '
            'judge both: test.py --out NAME.json writes those of each to NAME/DATASET/results.json'
        )


def _measure_results(
    pending: dict[int | str, list[_Entry]], results: Results, least_iou: float
) -> None:
    """Decodes the masks of results, a few videos at a time, and moves them over."""
    together: list[tuple[int | str, _Entry]] = []
    characters = columns = 0
    for video_id, entries in pending.items():
        together += [(video_id, entry) for entry in entries]
        characters += sum(entry.masks.num_bytes for entry in entries)
        # the objects that the results are held against are decoded too, column by column
        video, truth = results.truth.videos[video_id], results.truth.tubes
        objects = sum(len(truth.get((video_id, category), ()))
                      for category in {entry.category_id for entry in entries})
        columns += objects * video.length * video.width
        if characters > MAX_TOGETHER or columns > MAX_COLUMNS:
            _measure_together(together, results, least_iou)
            together, characters, columns = [], 0, 0
    _measure_together(together, results, least_iou)
    pending.clear()


def _measure_together(
    entries: list[tuple[int | str, _Entry]], results: Results, least_iou: float
) -> None:
    objects: list[PackedTube] = []
    of_group: dict[tuple[int | str, int], range] = {}
    for key in dict.fromkeys((video_id, entry.category_id) for video_id, entry in entries):
        group = results.truth.tubes.get(key, [])
        of_group[key] = range(len(objects), len(objects) + len(group))
        objects += [tube.masks for tube in group]
    partners = [of_group[video_id, entry.category_id] for video_id, entry in entries]
    try:
        areas, shared = measure(
            [entry.masks for _, entry in entries], objects, partners, least_iou=least_iou
        )
    except MaskError as error:
        video_id, entry = entries[error.tube]
        raise ValueError(f'result {entry.index}, video {video_id}, {error}') from error
    for n, (video_id, entry) in enumerate(entries):
        visible = max(1, np.count_nonzero(areas[n]))
        tube = Tube(
            entry.index,
            video_id,
            entry.category_id,
            entry.masks,
            areas[n],
            float(areas[n].sum() / visible),
            entry.score,
            shared=shared[n],
        )
        results.tubes.setdefault((video_id, entry.category_id), []).append(tube)


def _as_list(data: Mapping, key: str) -> list | tuple:
    if not isinstance(data[key], (list, tuple)):
        raise ValueError(f'expected {key} as a list, got {shown(data[key])}')
    return data[key]


def _read_list(data: Mapping, key: str, read: Any) -> Iterator[tuple[Any, Any]]:
    """Yields pairs of the id and what is read of every entry of a list; ids stand once."""
    known: dict[Any, None] = {}
    for index, entry in enumerate(_as_list(data, key)):
        where = f'{key}[{index}]'
        with as_value_error(where):
            name = entry['id']
            if isinstance(name, bool) or not isinstance(name, (int, float, str, np.number)):
                raise ValueError(f'{where}: expected an id, got {shown(name)}')
            first = next(iter(known), name)
            # Videos and categories are brought into the order of their ids.
            if isinstance(name, str) != isinstance(first, str) or name != name:
                raise ValueError(
                    f'{where}: expected ids that are all numbers or all text, got {shown(name)} '
                    f'beside {shown(first)}'
                )
            if name in known:
                raise ValueError(f'{where}: the id {shown(name)} stands twice')
            known[name] = None
            yield name, read(entry, where)


def _read_category(category: Mapping, where: str) -> str:
    if not isinstance(category['name'], str):
        raise ValueError(f'{where}: expected a name, got {shown(category["name"])}')
    return category['name']


def _read_video(video: Mapping, where: str) -> Video:
    where = f'video {shown(video["id"])}'
    # Some files, those of UVO among them, leave the length to the list of frames.
    length = video['length'] if 'length' in video else len(video['file_names'])
    height, width, length = (
        _whole(name, value, where)
        for name, value in (
            ('height', video['height']),
            ('width', video['width']),
            ('length', length),
        )
    )
    try:
        check_frame_size(height, width)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error
    if length < 0:
        raise ValueError(f'{where}: expected a length, got {length}')
    return Video(video['id'], height, width, length)


def _whole(name: str, value: Any, where: str) -> int:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        if math.isfinite(value) and value == int(value):
            return int(value)
    raise ValueError(f'{where}: expected the {name} as a whole number, got {shown(value)}')
