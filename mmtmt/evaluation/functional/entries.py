"""Single entries of annotation and results files, checked the same way by whoever reads them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any

import numpy as np

from mmtmt.structures.packed_tube import PackedTube, pack_tube

from .tubes import GroundTruth, LeftOut, Video

NEEDED = frozenset({'video_id', 'category_id', 'segmentations'})


@contextmanager
def as_value_error(where: str) -> Iterator[None]:
    """Turns the errors of a malformed entry into one that names it.

    Args:
        where: What to call it.

    Yields:
        Nothing.

    Raises:
        ValueError: In place of the errors that other types than the expected ones bring about.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f'{where} is not in the YouTube-VIS form: {error!r}') from error


def shown(value: Any) -> str:
    """The beginning of a value, for error messages.

    Args:
        value: Anything.

    Returns:
        80 characters at most.
    """
    try:
        return f'{value!r:.80}'
    except ValueError:  # a whole number of thousands of digits
        return f'an {type(value).__name__} too long to print'


def check_keys(entry: Any, needed: Set[str] = NEEDED) -> None:
    """Checks that an entry is an object with the keys that it needs.

    Args:
        entry: Of a file.
        needed: The keys; by default what annotations and results have in common.

    Raises:
        ValueError: If it isn't.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f'expected an object, got {shown(entry)}')
    missing = needed - entry.keys()
    if missing:
        raise ValueError(f'{", ".join(sorted(missing))} missing')


def place_of_result(index: int, result: Any) -> str:
    """What messages call a result; where results of several datasets were joined, with its own.

    Args:
        index: Position in the file.
        result: The entry.

    Returns:
        Such as ``result 3`` or ``result 3 of dataset 'ovis'``.
    """
    if isinstance(result, Mapping) and 'dataset' in result:
        return f'result {index} of dataset {shown(result["dataset"])}'
    return f'result {index}'


def find_video(video_id: Any, truth: GroundTruth) -> Video:
    """The video of an entry.

    Args:
        video_id: Of the entry.
        truth: Where it must be.

    Returns:
        The video.

    Raises:
        ValueError: If there is none of this id.
    """
    try:
        video = truth.videos.get(video_id)
    except TypeError:  # a list or an object
        video = None
    if video is None or isinstance(video_id, bool):
        raise ValueError(f'video {shown(video_id)} is not in the ground truth')
    return video


def check_category(category_id: Any, truth: GroundTruth) -> None:
    """Checks the category of an entry.

    Args:
        category_id: Of the entry.
        truth: Where it must be.

    Raises:
        ValueError: If there is none of this id.
    """
    try:
        known = category_id in truth.category_names and not isinstance(category_id, bool)
    except TypeError:
        known = False
    if not known:
        raise ValueError(
            f'category {shown(category_id)} is not in the ground truth, which has '
            f'{truth.category_ids}'
        )


def check_length(segmentations: Any, video: Video) -> None:
    """Checks that an entry has a segmentation for every frame of its video.

    Args:
        segmentations: Of the entry.
        video: Its video.

    Raises:
        ValueError: If it hasn't.
    """
    is_list = isinstance(segmentations, (list, tuple, PackedTube))
    if not is_list or len(segmentations) != video.length:
        raise ValueError(
            f'expected {video.length} segmentations, one per frame of video {video.id}, got '
            f'{len(segmentations) if is_list else shown(segmentations)}'
        )


def read_score(score: Any) -> float:
    """The score of a result.

    Args:
        score: Of the entry.

    Returns:
        The number.

    Raises:
        ValueError: If it is no finite number.
    """
    number = isinstance(score, (int, float, np.number)) and not isinstance(score, bool)
    try:
        if number and math.isfinite(score):
            return float(score)
    except OverflowError:  # a whole number beyond all floats
        pass
    raise ValueError(f'expected a finite score, got {shown(score)}')


def read_entry(
    entry: Any, truth: GroundTruth, where: str, left_out: LeftOut
) -> tuple[Video, int, PackedTube]:
    """Reads what annotations and results have in common.

    Args:
        entry: Of a file.
        truth: Its videos and categories.
        where: What to call the entry.
        left_out: Is told what of the masks was left out.

    Returns:
        The video, category and masks.

    Raises:
        ValueError: If the entry doesn't fit; the message names it.
    """
    try:
        check_keys(entry)
        video, category_id = find_video(entry['video_id'], truth), entry['category_id']
        check_category(category_id, truth)
        segmentations = entry['segmentations']
        check_length(segmentations, video)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error
    frames: list[tuple[int, Counter[str]]] = []
    try:
        if isinstance(segmentations, PackedTube):
            masks = segmentations.of_size(video.height, video.width)
        else:
            masks, _ = pack_tube(segmentations, video.height, video.width, frames)
    except ValueError as error:
        raise ValueError(f'{where}, video {video.id}, {error}') from error
    if frames:
        left_out.add(where, frames)
    return video, category_id, masks
