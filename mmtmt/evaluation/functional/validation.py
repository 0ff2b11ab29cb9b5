"""Everything for which an evaluation server would reject a file of results, found in one go."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmtmt.structures.json_stream import iterate_json_list, iterate_json_list_of
from mmtmt.structures.packed_tube import pack_tube
from mmtmt.structures.rle import check_counts, check_frame_size, compress
from mmtmt.structures.runs import decode_runs
from mmtmt.utils.output import printable

from .entries import (
    NEEDED,
    check_category,
    check_keys,
    check_length,
    find_video,
    place_of_result,
    read_score,
    shown,
)
from .inputs import read_ground_truth
from .tubes import GroundTruth, Video

# What CodaLab takes unless a competition has asked for more.
MAX_BYTES = 300 * 10**6
# Beyond this an archive is no file of results, but one that is made to fill memories.
MAX_UNPACKED = 100 * 10**9
MEMBER = 'results.json'
MOST_EXAMPLES = 5


@dataclass
class Problem:
    """A reason to reject a file.

    Attributes:
        kind: What is wrong, in a few words.
        count: How often.
        examples: The first of them, each with where it is.
    """

    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = '\n  …' if self.count > len(self.examples) else ''
        return f'{self.kind}: {self.count}' + ''.join(f'\n  {e}' for e in self.examples) + more


class _Report:
    """Problems by their kind, in the order in which they come up."""

    def __init__(self) -> None:
        self.problems: dict[str, Problem] = {}

    def add(self, kind: str, example: str) -> None:
        """Counts a problem and keeps the first examples."""
        problem = self.problems.setdefault(kind, Problem(kind))
        problem.count += 1
        if len(problem.examples) < MOST_EXAMPLES:
            problem.examples.append(example)

    @contextmanager
    def catching(self, kind: str, where: str) -> Iterator[None]:
        """Takes a ValueError for a problem."""
        try:
            yield
        except ValueError as error:
            self.add(kind, f'{where}: {error}')


def validate_submission(
    path: str | Path, gt: str | Path | dict | GroundTruth, *, max_bytes: int = MAX_BYTES
) -> list[Problem]:
    """Finds every reason for which a server would reject a file of results.

    The file is read entry by entry, so that its size is no matter of memory.

    Args:
        path: a zip archive as it is submitted, or the json or json.gz file that goes into one.
        gt: the annotation file that the results are for, its content, or what `read_ground_truth`
            made of it. The annotations may be hidden.
        max_bytes: how large an archive may be.

    Returns:
        The problems; none if there is nothing to be said against the file.

    Raises:
        ValueError: if the ground truth is not in the YouTube-VIS form.
        OSError: if a file can't be read.
    """
    truth = gt if isinstance(gt, GroundTruth) else read_ground_truth(gt, hidden=True)
    path, report = Path(path), _Report()
    size = path.stat().st_size
    if path.suffix.lower() != '.zip':
        _check_entries(iterate_json_list(path), truth, report)
    else:
        if size > max_bytes:
            report.add('file too large', f'{path}: {size} bytes, the limit is {max_bytes}')
        _check_archive(path, truth, report)
    return list(report.problems.values())


def _check_archive(path: Path, truth: GroundTruth, report: _Report) -> None:
    """The layout of an archive, and the results in it wherever they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            others = [printable(info.filename) for info in members if info.filename != MEMBER]
            for name in others:
                report.add('archive holds another file', f'{name}, beside {MEMBER} at the root')
            found = [info for info in members if info.filename == MEMBER]
            if len(found) != 1:
                # An archive may hold one name twice; readers take either.
                report.add(
                    f'no single {MEMBER} at the root of the archive', f'{path}: {len(found)}'
                )
                found += [info for info in members if Path(info.filename).suffix == '.json']
            if not found:
                return
            name = f'{path}, {printable(found[0].filename)}'
            if found[0].file_size > MAX_UNPACKED:
                report.add('file too large', f'{name}: {found[0].file_size} bytes unpacked')
                return
            if found[0].flag_bits & 1:
                report.add('not a readable file', f'{name}: needs a password')
                return
            try:
                with archive.open(found[0]) as file:
                    _check_entries(iterate_json_list_of(file, name), truth, report)
            except OSError as error:  # what bzip2 raises on bytes that are none of its own
                report.add('not a readable file', f'{name}: {error}')
    except (zipfile.BadZipFile, NotImplementedError) as error:
        report.add('not a readable file', f'{path}: {error}')


def _check_entries(entries: Iterator[Any], truth: GroundTruth, report: _Report) -> None:
    seen_videos: set[Any] = set()
    known: dict[bytes, int] = {}
    complete = False
    number = 0
    try:
        for number, entry in enumerate(entries, start=1):
            where = place_of_result(number - 1, entry)
            if not isinstance(entry, Mapping):
                report.add('not an object', f'{where}: {shown(entry)}')
            elif _check_entry(entry, where, truth, report, seen_videos):
                first = known.setdefault(_digest(entry), number - 1)
                if first != number - 1:
                    report.add('repeated result', f'{where} has the masks of result {first}')
        complete = True
    except (ValueError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        report.add('not a readable file', str(error))
    # Of a file that breaks off nobody knows what the rest would have held.
    if complete:
        if not number:
            report.add('no results', 'the list is empty')
        for video_id in truth.videos:
            if video_id not in seen_videos:
                report.add('video without results', f'video {shown(video_id)}')


def _check_entry(
    entry: Mapping, where: str, truth: GroundTruth, report: _Report, seen_videos: set
) -> bool:
    """Every check of one entry, each whether or not another one fails; whether it has pixels."""

    def checked(kind: str, key: str, check: Callable[[Any], Any]) -> Any:
        with report.catching(kind, where):
            return check(entry[key]) if key in entry else None

    with report.catching('keys missing', where):
        check_keys(entry, NEEDED | {'score'})
    checked('score', 'score', read_score)
    checked('unknown category', 'category_id', lambda value: check_category(value, truth))
    video = checked('unknown video', 'video_id', lambda value: find_video(value, truth))
    if video is not None:
        seen_videos.add(video.id)
        where = f'{where}, video {shown(video.id)}'
        checked('wrong number of masks', 'segmentations', lambda value: check_length(value, video))
    return _check_masks(entry.get('segmentations'), where, video, report)


def _check_masks(segmentations: Any, where: str, video: Video | None, report: _Report) -> bool:
    """Checks the masks of an entry; whether they are as they should be and have any pixels."""
    if not isinstance(segmentations, list):
        return False
    try:
        # All masks at once, which is faster; one by one only to tell which are wrong.
        if video is not None and all(map(_is_plain, segmentations)):
            _, strings = pack_tube(segmentations, video.height, video.width)
            pixels = np.full(len(strings), video.height * video.width)
            return bool(strings) and bool(decode_runs(strings, pixels).areas.any())
    except ValueError:
        pass
    for frame, segmentation in enumerate(segmentations):
        with report.catching('mask', f'{where}, segmentations[{frame}]'):
            _check_mask(segmentation, video)
    return False


def _is_plain(segmentation: Any) -> bool:
    """Whether a mask has the types that the servers' code can read."""
    if segmentation is None:
        return True
    return (
        isinstance(segmentation, dict)
        and isinstance(segmentation.get('counts'), str)
        and isinstance(segmentation.get('size'), list)
        and len(segmentation['size']) == 2
        and all(type(side) is int for side in segmentation['size'])
    )


def _check_mask(segmentation: Any, video: Video | None) -> None:
    """Checks a mask; where nobody knows its video, for what holds in all of them."""
    if segmentation is None:
        return
    if isinstance(segmentation, list) or (video is None and not _is_plain(segmentation)):
        raise ValueError(f'expected an RLE or null, got {shown(segmentation)}')
    if video is None:
        check_frame_size(*segmentation['size'])
        check_counts(segmentation['counts'].encode('ascii'), *segmentation['size'])
        return
    counts = compress(segmentation, video.height, video.width)
    if not _is_plain(segmentation):
        raise ValueError(
            'expected counts as a string and size as two whole numbers, got '
            f'{shown(segmentation["counts"])} and {shown(segmentation["size"])}'
        )
    check_counts(counts, video.height, video.width)


def _digest(entry: Mapping) -> bytes:
    """Stands for the video, category and masks of an entry, which merged files hold twice."""
    counts = [mask and mask['counts'] for mask in entry['segmentations']]
    content = repr((entry['video_id'], entry.get('category_id'), counts))
    return hashlib.blake2b(content.encode(), digest_size=16).digest()
