"""Runners of the evaluator and of the results writer."""

import gzip
import json
from typing import Any

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.functional import to_json_results
from mmtmt.structures.tubes import encode_tube

from ..fixture import Difference, Fixture, close
from ..golden import register

TOLERANCE = 1e-12


@register('ytvis_eval')
def run_evaluator(fixture: Fixture) -> list[Difference]:
    """The twelve numbers, precision and recall of given results."""
    files = fixture.info['files']
    result = evaluate(_read(fixture, files['ground_truth']), _read(fixture, files['results']))
    return [
        close(name, result[name], fixture.array(name), TOLERANCE, 0.0)
        for name in ('stats', 'precision', 'recall')
    ]


def _read(fixture: Fixture, name: str) -> Any:
    with gzip.open(fixture.folder / name, 'rt', encoding='utf-8') as file:
        return json.load(file)


@register('ytvis_results_writer')
def run_results_writer(fixture: Fixture) -> list[Difference]:
    """Masks to the entries of a results file, character by character.

    The official writer encodes empty masks, ours leaves null; the servers take both for the same.
    """
    expected = fixture.info['results']
    masks = fixture.array('masks')
    for result, tube in zip(expected, masks):
        result['segmentations'] = [
            rle if mask.any() else None for rle, mask in zip(result['segmentations'], tube)
        ]
    written = to_json_results(
        [
            dict(
                video_id=fixture.info['video_id'],
                category_id=label,
                score=score,
                segmentations=encode_tube(tube),
            )
            for label, score, tube in zip(fixture.info['labels'], fixture.info['scores'], masks)
        ]
    )
    wrong = sum(ours != theirs for ours, theirs in zip(written, expected))
    wrong += abs(len(written) - len(expected))
    return [
        Difference(
            'results',
            float(wrong),
            0.0,
            f'{wrong} of {len(expected)} results differ' if wrong else '',
        )
    ]
