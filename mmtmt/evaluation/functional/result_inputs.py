"""Results of video instance segmentation, read, checked and measured against ground truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from mmtmt.structures.json_stream import iterate_json_list
from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.threads import map_ahead
from mmtmt.structures.tube_decoder import TubeDecoder

from .entries import (
    MAX_TOGETHER,
    Entry,
    as_value_error,
    batches,
    naming,
    read_entry,
    read_score,
    shown,
)
from .overlap import measure
from .tube_runs import MaskError
from .tubes import GroundTruth, Results, Tube

# Characters of masks to read before they are decoded, where the results of a video lie scattered.
MAX_PENDING = 2**26
# Characters that take as much memory as a column of an object's video: its table has 16 bytes.
COLUMN = 0.5

Entries = list[Entry]


def read_results(
    source: str | Path | Iterable[dict], truth: GroundTruth, *, least_iou: float = 0.0
) -> Results:
    """Reads results in the YouTube-VIS form.

    A file is read entry by entry and its masks stay compressed, so that the memory needed is about
    that of the file. They are decoded in threads while the next ones are read, see
    `mmtmt.structures.threads`.

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
    with naming(source):
        if isinstance(source, (str, Path)):
            source = iterate_json_list(source, decoder=TubeDecoder())
        elif isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
            raise ValueError(
                f'expected results as a file or a list of entries, got {shown(source)}'
            )
        results = Results(truth)
        together = (
            batch
            for videos in _by_video(_entries(source, results))
            for batch in batches(videos.values(), partial(_weight, truth))
        )
        to_tubes = partial(_measure, truth=truth, least_iou=least_iou)
        for tubes in map_ahead(to_tubes, together):
            for tube in tubes:
                results.tubes.setdefault((tube.video_id, tube.category_id), []).append(tube)
        return results


def _entries(source: Iterable[dict], results: Results) -> Iterator[Entry]:
    for index, result in enumerate(source):
        where = f'result {index}'
        with as_value_error(where):
            video, *parts = read_entry(result, results.truth, where, results.left_out)
            try:
                score = read_score(result.get('score'))
            except ValueError as error:
                raise ValueError(f'{where}: {error}') from error
            entry = Entry(index, video.id, *parts, score)
        yield entry


def _by_video(entries: Iterable[Entry]) -> Iterator[dict[int | str, Entries]]:
    """Results by video, in parts of a file.

    Where the results of a video stand together, as they mostly do, a part ends with a video, and
    its masks are decoded while the next ones are read. Otherwise it is as large as it may be, since
    the objects of a video are decoded once more for each part.
    """
    part: dict[int | str, Entries] = defaultdict(list)
    seen: set[int | str] = set()
    characters, limit, last = 0, MAX_TOGETHER, None
    for entry in entries:
        if entry.video_id != last:
            if entry.video_id in seen:
                limit = MAX_PENDING
            if characters > limit:
                yield part
                part, characters = defaultdict(list), 0
            last = entry.video_id
            seen.add(last)
        elif characters > MAX_PENDING:
            yield part
            part, characters = defaultdict(list), 0
        part[last].append(entry)
        characters += entry.characters
    yield part


def _weight(truth: GroundTruth, entries: Entries) -> float:
    """Characters of a video's results, and what the objects weigh that they are held against."""
    video = truth.videos[entries[0].video_id]
    objects = sum(len(truth.tubes.get((video.id, category), ()))
                  for category in {entry.category_id for entry in entries})
    columns = objects * video.length * video.width
    return COLUMN * columns + sum(entry.characters for entry in entries)


def _measure(videos: list[Entries], truth: GroundTruth, least_iou: float) -> list[Tube]:
    """Decodes the masks of some videos' results."""
    entries = [entry for video in videos for entry in video]
    objects: list[PackedTube] = []
    of_group: dict[tuple[int | str, int], range] = {}
    for key in dict.fromkeys((entry.video_id, entry.category_id) for entry in entries):
        group = truth.tubes.get(key, [])
        of_group[key] = range(len(objects), len(objects) + len(group))
        objects += [tube.masks for tube in group]
    partners = [of_group[entry.video_id, entry.category_id] for entry in entries]
    try:
        areas, shared = measure(
            [entry.masks for entry in entries], objects, partners, least_iou=least_iou
        )
    except MaskError as error:
        entry = entries[error.tube]
        raise ValueError(f'result {entry.index}, video {entry.video_id}, {error}') from error
    return [_tube(*parts) for parts in zip(entries, areas, shared)]


def _tube(entry: Entry, areas: np.ndarray, shared: np.ndarray) -> Tube:
    visible = max(1, np.count_nonzero(areas))
    return Tube(
        entry.index,
        entry.video_id,
        entry.category_id,
        entry.masks,
        areas,
        float(areas.sum() / visible),
        entry.score,
        shared=shared,
    )
