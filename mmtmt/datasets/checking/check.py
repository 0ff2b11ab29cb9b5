"""Checks a file of the YouTube-VIS family and its frames, and makes a repaired copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmtmt.datasets.annotation_file import SEQUENCES
from mmtmt.datasets.video_names import names_across, video_name
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.taxonomy import Category

from .annotations import AnnotationChecker, mask_sizes
from .problems import Report
from .videos import VideoChecker


def check_dataset(
    data: dict[str, Any],
    frames: str | Path | None,
    *,
    decode: bool = True,
    others: Sequence[str | Path] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Report, dict[str, Any]]:
    """Find every problem of a dataset.

    Whatever stands in the file, this ends with a report. The repaired copy holds what is sound:
    what can be derived is derived anew, what can't be used is left out, and each change is in the
    report.

    Args:
        data: Content of the json file.
        frames: Folder of the frames; None looks at the file alone.
        decode: Whether frames are decoded as a whole, or only their headers read.
        others: Json files of other splits, which must not hold the same videos.
        progress: Called with the number of checked videos and of all.

    Returns:
        The report, and the content of the repaired copy; `is_usable` tells whether anything is
        left of it.

    Raises:
        ValueError: If a file of another split is no json, before anything is checked.
    """
    report = Report()
    splits = {other: _frames_of(other) for other in others}
    if (what := _other_form(data)) is not None:
        report.add('not-this-form', 'the file', what)
        return report, {'videos': []}
    root = None if frames is None else Path(frames)
    annotations = data.get('annotations')
    if annotations is not None and not isinstance(annotations, list):
        report.add('not-this-form', 'annotations', f'expected a list, got {annotations!r:.60}')
        annotations = []
    categories = _check_categories(data, report, annotations is not None)
    video_checker = VideoChecker(report, root, decode, mask_sizes(annotations))
    videos = video_checker.check(data.get('videos'), progress)
    repaired = {**data, 'videos': videos, 'categories': categories}
    if 'categories' not in data and annotations is None:
        del repaired['categories']
    if annotations is not None:
        checker = AnnotationChecker(
            report,
            {video['id']: video for video in videos},
            video_checker.kept_frames,
            video_checker.original_length,
            {category['id'] for category in categories},
        )
        repaired['annotations'] = checker.check(annotations)
        _note_unused(report, repaired)
    for other, theirs in splits.items():
        _check_leak(report, videos, other, theirs)
    video_checker.check_unused({n for theirs in splits.values() for names in theirs for n in names})
    return report, repaired


def is_usable(repaired: dict[str, Any]) -> bool:
    """Whether a repaired copy can be read.

    Args:
        repaired: What `check_dataset` returns.

    Returns:
        False when no video is left, or no category for the annotations.
    """
    return bool(repaired['videos']) and bool(
        repaired.get('annotations') is None or repaired['categories']
    )


def _other_form(data: dict[str, Any]) -> str | None:
    """What a file of another known form is, and what to do with it."""
    videos = data.get('videos')
    if isinstance(data.get('images'), list):
        if not isinstance(videos, list):
            return 'a COCO file of images, not videos; CocoPseudoVideoDataset trains on it as it is'
        return 'a COCO-video file, with one annotation per image; convert.py coco-video converts it'
    if isinstance(data.get('sequences'), list) and not isinstance(videos, list):
        return SEQUENCES
    return None


def _check_categories(data: dict[str, Any], report: Report, needed: bool) -> list[dict]:
    """Sound categories of a file."""
    categories = data.get('categories')
    if categories is None and not needed:
        return []
    if not isinstance(categories, list) or not categories:
        what = f'expected a list with at least one category, got {categories!r:.60}'
        report.add('category', 'categories', what)
        return []
    kept: list[dict] = []
    ids: dict[int, str] = {}
    keys: dict[str, int] = {}
    for index, category in enumerate(categories):
        where, dropped = f'categories[{index}]', 'the category is left out'
        if (
            not isinstance(category, dict)
            or type(category.get('id')) is not int
            or not isinstance(category.get('name'), str)
            or not all(isinstance(category.get(key, ''), str) for key in ('key', 'text'))
        ):
            what = f'expected an object with id and name, got {category!r:.80}'
            report.add('category', where, what, dropped)
            continue
        try:
            key = Category.from_name(*map(category.get, ('name', 'key', 'text'))).key
        except ValueError as error:
            report.add('category', where, str(error), dropped)
            continue
        if category['id'] in ids:
            what = f'the id {category["id"]} stands twice, for {ids[category["id"]]!r:.40} too'
            report.add('category', where, what, dropped)
        elif key in keys:
            what = f'{category["name"]!r:.40} stands twice, as category {keys[key]} too'
            report.add('category', where, what, dropped)
        else:
            if category['id'] == 0:
                report.add('id-zero', f'category {category["name"]!r:.40}', 'the id is 0')
            ids[category['id']], keys[key] = category['name'], category['id']
            kept.append(category)
    return kept


def _note_unused(report: Report, repaired: dict[str, Any]) -> None:
    """Note categories and videos without an object."""
    objects = [a for a in repaired['annotations'] if not a.get('iscrowd', 0)]
    used = {annotation['category_id'] for annotation in objects}
    for category in repaired['categories']:
        if category['id'] not in used:
            report.add('unused-category', f'category {category["id"]}', f'{category["name"]!r:.60}')
    annotated = {annotation['video_id'] for annotation in objects}
    for video in repaired['videos']:
        if video['id'] not in annotated:
            report.add('unannotated-video', f'video {video["id"]}', video_name(video['file_names']))


def _frames_of(split: str | Path) -> list[list[str]]:
    """Names of the frames of another split, video by video; what is none is left out."""
    videos = read_json_stream(split).get('videos')
    found = []
    for video in videos if isinstance(videos, list) else ():
        names = video.get('file_names') if isinstance(video, dict) else None
        names = [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
        if names:
            found.append(names)
    return found


def _check_leak(
    report: Report, videos: list[dict], other: str | Path, theirs: list[list[str]]
) -> None:
    """Note videos that another split has too."""
    firsts = [[video['file_names'][0] for video in videos], [names[0] for names in theirs]]
    names, other_names = names_across(*firsts)
    known = set(other_names)
    for video, name in zip(videos, names):
        if name in known:
            report.add('split-leak', f'video {video["id"]}', f'{name!r:.80} is in {other} too')
