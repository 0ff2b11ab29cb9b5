"""Results in the form of the evaluation servers."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path


def to_json_results(results: Sequence[dict]) -> list[dict]:
    """Turns RLE counts from bytes, as pycocotools hands them out, to text.

    Args:
        results: list of ``{video_id, category_id, score, segmentations}``.

    Returns:
        The same list in plain json types; other keys of the entries are kept.
    """
    return [
        {
            **result,
            'score': float(result['score']),
            'segmentations': [_rle_to_text(rle) for rle in result['segmentations']],
        }
        for result in results
    ]


def write_results(results: Sequence[dict], path: str | Path) -> Path:
    """Writes results as json, under a temporary name first so that no half file is left behind.

    Args:
        results: list of ``{video_id, category_id, score, segmentations}``.
        path: the file to write.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + '.part')
    with open(unfinished, 'w', encoding='utf-8') as file:
        json.dump(to_json_results(results), file)
    os.replace(unfinished, path)
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
    unfinished = path.with_name(path.name + '.part')
    with zipfile.ZipFile(unfinished, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.write(results_file, 'results.json')
    os.replace(unfinished, path)
    return path


def _rle_to_text(rle: dict | None) -> dict | None:
    if rle is None:
        return None
    counts = rle['counts']
    return {
        'size': [int(side) for side in rle['size']],
        'counts': counts.decode('ascii') if isinstance(counts, bytes) else counts,
    }
