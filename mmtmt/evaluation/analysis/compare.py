"""Two sets of results on the same videos: what differs, and whether that can be chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..functional.inputs import read_ground_truth
from ..functional.tubes import GroundTruth, Results
from .analyze import MIN_SCORE, REPLICATES
from .errors import ERROR_KINDS, measure_errors
from .groups import none_if_nan
from .resampling import RankedMatches, bootstrap_weights, interval
from .sample import SAMPLED_NAMES, Sampleable
from .study import Study, study_results


def compare(
    gt: str | Path | dict | GroundTruth,
    results: Mapping[str, str | Path | Iterable[dict] | Results],
    *,
    class_agnostic: bool = False,
    min_score: float = MIN_SCORE,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Any]:
    """Holds sets of results against the first of them.

    The interval of a difference comes from a paired bootstrap: both sides are measured on the same
    samples of the videos. The p-value comes from a permutation test: if it made no difference whose
    result a video has, swapping the two in random videos would often give a difference as large.

    Args:
        gt: Annotations as `evaluate` takes them.
        results: By name, two or more, as `evaluate` takes them.
        class_agnostic: Take all categories as one.
        min_score: Results below are left out of HOTA, IDF1 and their parts.
        replicates: Samples of the videos, and swaps.
        seed: Of both.

    Returns:
        Plain data for json: ``options``, ``names`` and, in their order,

        - ``numbers``: per name of `SAMPLED_NAMES` the ``values`` and, for every set but the first,
          the ``differences`` from it with ``interval`` and ``p_value``; None where there is nothing
          to measure;
        - ``categories``: a list with the AP of each in the same form, without p-values;
        - ``errors``: per kind the counts and gains of `measure_errors`;
        - ``counts``, ``remarks``: of each set what came in and what the numbers leave out of it.

    Raises:
        ValueError: If there are not two sets, or one doesn't fit the ground truth.
    """
    if len(results) < 2:
        raise ValueError(f'expected two or more sets of results, got {list(results)}')
    truth = gt if isinstance(gt, GroundTruth) else read_ground_truth(gt)
    studies = [
        study_results(truth, one, class_agnostic=class_agnostic, min_score=min_score)
        for one in results.values()
    ]
    num_videos = len(studies[0].video_ids)
    everything = np.ones((1, num_videos), np.int64)
    values = [study.sampleable.numbers(everything) for study in studies]
    weights = bootstrap_weights(num_videos, replicates, seed)
    samples = [study.sampleable.numbers(weights) for study in studies]
    chosen = np.random.default_rng(seed).integers(0, 2, (replicates, num_videos))
    swapped = [
        _swapped_differences(studies[0].sampleable, study.sampleable, chosen)
        for study in studies[1:]
    ]
    return {
        'options': {
            'class_agnostic': class_agnostic,
            'min_score': min_score,
            'replicates': replicates,
            'seed': seed,
        },
        'names': list(results),
        'numbers': {
            name: _row(
                [value[0][name][0] for value in values],
                [sample[0][name] for sample in samples],
                [difference[name] for difference in swapped],
            )
            for name in SAMPLED_NAMES
        },
        'categories': _category_rows(
            studies[0], [value[1] for value in values], [sample[1] for sample in samples]
        ),
        'counts': [study.counted['counts'] for study in studies],
        'remarks': [study.counted['remarks'] for study in studies],
        'errors': _error_rows(studies),
    }


def _category_rows(
    study: Study,
    values: Sequence[Mapping[int, np.ndarray]],
    samples: Sequence[Mapping[int, np.ndarray]],
) -> list[dict[str, Any]]:
    """The AP of the categories that have objects, of each set by category."""
    return [
        {
            'id': category,
            'name': study.category_names[category],
            **_row(
                [value[category][0] for value in values],
                [sample[category] for sample in samples],
            ),
        }
        for category in study.category_ids
        if all(category in value for value in values) and not np.isnan(values[0][category][0])
    ]


def _error_rows(studies: Sequence[Study]) -> dict[str, dict[str, list]]:
    """By kind of mistake the counts and gains of each set."""
    tables = [
        measure_errors([survey.errors_at for survey in study.surveys.values()], study.min_score)
        for study in studies
    ]
    return {
        kind: {
            'counts': [table[kind]['count'] for table in tables],
            'AP50_gains': [table[kind]['AP50_gain'] for table in tables],
            'AP_gains': [table[kind]['AP_gain'] for table in tables],
        }
        for kind in ERROR_KINDS
    }


def _row(
    values: Sequence[float],
    samples: Sequence[np.ndarray],
    swapped: Sequence[np.ndarray] | None = None,
) -> dict[str, Any]:
    """The values of all sets and how they differ from the first."""
    differences = []
    for b in range(1, len(values)):
        difference = values[b] - values[0]
        row = {
            'difference': none_if_nan(difference),
            'interval': interval(samples[b] - samples[0]),
        }
        if swapped is not None:
            row['p_value'] = _p_value(difference, swapped[b - 1])
        differences.append(row)
    return {'values': [none_if_nan(value) for value in values], 'differences': differences}


def _p_value(difference: float, swapped: np.ndarray) -> float | None:
    """Share of the swaps, the real assignment among them, with a difference as large."""
    if np.isnan(difference):
        return None
    as_large = np.abs(swapped) >= abs(difference) - 1e-12
    return float((1 + as_large.sum()) / (1 + len(swapped)))


def _swapped_differences(a: Sampleable, b: Sampleable, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Differences after swapping the two sides in some videos.

    Args:
        a: One side.
        b: The other.
        chosen: (R, V) 1 in the videos that are swapped.

    Returns:
        (R,) of every name of `SAMPLED_NAMES`.
    """
    both = Sampleable(
        _join_all(a.ranked, b.ranked),
        a.tracks + b.tracks,
        {name: _join_all(a.sizes[name], b.sizes[name]) for name in a.sizes},
    )
    kept = both.numbers(np.concatenate([1 - chosen, chosen], axis=1))[0]
    swapped = both.numbers(np.concatenate([chosen, 1 - chosen], axis=1))[0]
    return {name: swapped[name] - kept[name] for name in SAMPLED_NAMES}


def _join_all(a: dict[int, RankedMatches], b: dict[int, RankedMatches]) -> dict[int, RankedMatches]:
    # A category that only one side has is one without objects.
    return {category: _join(a[category], b[category]) for category in a if category in b}


def _join(a: RankedMatches, b: RankedMatches) -> RankedMatches:
    """Both as one ranking of twice the videos."""
    scores = np.concatenate([a.scores, b.scores])
    order = np.argsort(-scores, kind='stable')
    return RankedMatches(
        scores[order],
        np.concatenate([a.video, b.video + len(a.num_objects)])[order],
        np.concatenate([a.right, b.right], axis=1)[:, order],
        np.concatenate([a.wrong, b.wrong], axis=1)[:, order],
        np.concatenate([a.num_objects, b.num_objects]),
        np.concatenate([a.found, b.found], axis=2),
    )
