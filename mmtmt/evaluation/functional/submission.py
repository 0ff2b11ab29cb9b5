"""Results in the form of the evaluation servers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mmtmt.structures.atomic import replacing
from mmtmt.structures.rle import compress

from .entries import NEEDED, as_value_error, check_keys, read_score, shown


def to_json_results(results: Iterable[dict]) -> list[dict]:
    """Turns results into plain json types, masks into compressed RLE.

    RLE counts may be bytes, as pycocotools hands them out, or a list of run lengths; ids, scores
    and sizes may be NumPy's.

    Args:
        results: list of ``{video_id, category_id, score, segmentations}``.

    Returns:
        The same list; other keys of the entries are kept.

    Raises:
        ValueError: if an entry has another form, or a score that is no finite number; the message
            names the entry.
    """
    return [_to_json(result, f'result {index}') for index, result in enumerate(results)]


def write_results(results: Iterable[dict], path: str | Path) -> Path:
    """Writes results as json, under a temporary name first so that no half file is left behind.

    Args:
        results: list of ``{video_id, category_id, score, segmentations}``, as `to_json_results`
            takes them.
        path: the file to write.

    Returns:
        The path.

    Raises:
        ValueError: if an entry can't be written; the message names it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        for index, result in enumerate(results):
            file.write(b', ' if index else b'[')
            file.write(_to_text(result, f'result {index}').encode('ascii'))
        file.write(b']' if file.tell() else b'[]')
    return path


def write_submission(results_file: str | Path, path: str | Path) -> Path:
    """Packs a results file the way the servers want it: as results.json at the root of a zip.

    Args:
        results_file: json written by `write_results`.
        path: the archive to write.

    Returns:
        The path of the archive.
    """
    path = Path(path)
    with replacing(path) as file, zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.write(results_file, 'results.json')
    return path


def _to_text(result: Any, where: str) -> str:
    entry = _to_json(result, where)
    try:
        # One entry after the other is faster than json.dump, which has no C code for files.
        return json.dumps(entry, allow_nan=False, default=_to_plain)
    except (TypeError, ValueError) as error:
        others = sorted(map(str, entry.keys() - NEEDED - {'score'}))
        raise ValueError(f'{where}: {error}, in one of {others}') from error


def _to_json(result: Any, where: str) -> dict:
    with as_value_error(where):
        try:
            check_keys(result)
            score = read_score(result.get('score'))
            segmentations = result['segmentations']
            if not isinstance(segmentations, (list, tuple)):
                raise ValueError(f'expected segmentations as a list, got {shown(segmentations)}')
            ids = {key: _to_id(key, result[key]) for key in ('video_id', 'category_id')}
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error
        masks = []
        for frame, rle in enumerate(segmentations):
            try:
                masks.append(_rle_to_text(rle))
            except (TypeError, ValueError) as error:
                raise ValueError(f'{where}, segmentations[{frame}]: {error}') from error
        return {**result, **ids, 'score': score, 'segmentations': masks}


def _to_id(key: str, value: Any) -> int | float | str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return value
    raise ValueError(f'expected the {key} as a number or text, got {shown(value)}')


def _to_plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f'{shown(value)} can not be written as json')


def _rle_to_text(rle: Any) -> dict | None:
    if rle is None:
        return None
    if not isinstance(rle, dict) or not {'counts', 'size'} <= rle.keys():
        raise ValueError(f'expected an RLE with size and counts, or None, got {shown(rle)}')
    counts, size = rle['counts'], [int(side) for side in rle['size']]
    if not isinstance(counts, (str, bytes)):
        runs = [int(run) for run in counts]
        counts = compress({'size': size, 'counts': runs}, *size)
    return {
        'size': size,
        'counts': counts.decode('ascii') if isinstance(counts, bytes) else counts,
    }
