"""Everything there is to say about one set of results, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..functional.remarks import count_beyond_limit
from ..functional.tubes import GroundTruth, Results
from ..functional.video_ap import (
    RECALL_THRESHOLDS,
    STATS_NAMES,
    accumulate,
    evaluate,
    summarize,
)
from .errors import ERROR_KINDS, measure_errors
from .groups import groupings, measure_groups, none_if_nan
from .resampling import bootstrap_weights, interval
from .sample import AT_50, AT_75, PRECISION_NAMES
from .study import Study, study_results
from .survey import ON_OBJECT
from .tracking import TRACKING_NAMES, TrackCounts, average_over_categories, no_tracks

REPLICATES = 1000
MIN_SCORE = 0.3


def analyze(
    gt: str | Path | dict | GroundTruth,
    results: str | Path | Iterable[dict] | Results,
    *,
    class_agnostic: bool = False,
    min_score: float = MIN_SCORE,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Any]:
    """Measures and explains results.

    Args:
        gt: Annotations as `evaluate` takes them.
        results: Results as `evaluate` takes them.
        class_agnostic: Take all categories as one, as UVO's official protocol does.
        min_score: Results below are left out of HOTA, IDF1 and their parts and of the confusion
            matrix, which have no use for a ranking. With 0 they are TrackEval's numbers.
        replicates: Samples of the videos for the 95 % intervals.
        seed: Of these samples.

    Returns:
        Plain data for json, None where there is nothing to measure:

        - ``options``, ``counts``, ``examples``, ``remarks``: what was asked for, what came in, and
          what the numbers leave out of it;
        - ``numbers``: per name of `STATS_NAMES` and `TRACKING_NAMES` its ``value`` and, of some,
          its ``interval``; tracking over all detections alike;
        - ``tracking_by_category``: tracking as means over the categories;
        - ``class_agnostic``: AP and AR with all categories taken as one, and how many results are
          beyond the best 100 of a video then;
        - ``categories``: a list with the same numbers for each;
        - ``groups``: per way to part the objects and per group, see `measure_groups`;
        - ``errors``: see `measure_errors`;
        - ``confusion``: ``labels`` and ``counts``, see `count_confusions`;
        - ``curves``: precision at ``recall`` as the mean over the categories;
        - ``videos``: a list with tracks and mistakes of each.

    Raises:
        ValueError: If the two don't fit each other, or there are no objects to be found.
    """
    study = study_results(gt, results, class_agnostic=class_agnostic, min_score=min_score)
    return describe(study, replicates=replicates, seed=seed)


def describe(study: Study, *, replicates: int = REPLICATES, seed: int = 0) -> dict[str, Any]:
    """What `analyze` gives, of a study.

    Args:
        study: The results beside the ground truth.
        replicates: Samples of the videos for the 95 % intervals.
        seed: Of these samples.

    Returns:
        See `analyze`.
    """
    precision, recall = accumulate(study.matches)
    weights = bootstrap_weights(len(study.video_ids), replicates, seed)
    samples, category_samples = study.sampleable.numbers(weights)
    tracks = _tracks_by_category(study)
    stats = {**_stats(precision, recall), **_plain(sum(tracks.values(), no_tracks()).scores())}
    surveys = list(study.surveys.values())
    numbers = {
        name: {
            'value': value,
            'interval': interval(samples[name], value) if name in samples else None,
        }
        for name, value in stats.items()
    }
    return {
        'options': {
            'class_agnostic': study.class_agnostic,
            'min_score': study.min_score,
            'iou_on_object': ON_OBJECT,
            'replicates': replicates,
            'seed': seed,
        },
        **_counts(study),
        'numbers': numbers,
        'tracking_by_category': average_over_categories(tracks.values()),
        'class_agnostic': _class_agnostic(study, stats),
        'categories': [
            _category(
                study,
                category,
                _stats(precision[:, :, k : k + 1], recall[:, k : k + 1]),
                category_samples.get(category, np.zeros(0)),
                tracks[category],
            )
            for k, category in enumerate(study.category_ids)
        ],
        'groups': {
            grouping.name: measure_groups(study.pairings, grouping)
            for grouping in groupings(study.truth)
        },
        'errors': measure_errors([survey.errors_at for survey in surveys], study.min_score),
        'confusion': {
            'labels': [study.category_names[category] for category in study.category_ids],
            'counts': sum(survey.confusion for survey in surveys).tolist(),
        },
        'curves': _curves(precision),
        'videos': [_video(study, video) for video in study.video_ids],
    }


def _tracks_by_category(study: Study) -> dict[int, TrackCounts]:
    return {
        category: sum(
            (survey.tracks.get(category, no_tracks()) for survey in study.surveys.values()),
            no_tracks(),
        )
        for category in study.category_ids
    }


def _category(
    study: Study,
    category: int,
    numbers: dict[str, float | None],
    samples: np.ndarray,
    tracks: TrackCounts,
) -> dict[str, Any]:
    """The row of a category."""
    here = [pairing for pairing in study.pairings if pairing.category_id == category]
    scores = dict.fromkeys(TRACKING_NAMES) if tracks.empty else _plain(tracks.scores())
    return {
        'id': category,
        'name': study.category_names[category],
        'objects': sum(int((~pairing.crowd).sum()) for pairing in here),
        'results': sum(len(pairing.results) for pairing in here),
        **numbers,
        'AP_interval': interval(samples, numbers['AP']),
        **scores,
    }


def _stats(precision: np.ndarray, recall: np.ndarray) -> dict[str, float | None]:
    values = zip(STATS_NAMES, summarize(precision, recall), strict=True)
    return {name: None if value == -1 else value for name, value in values}


def _plain(scores: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items()}


def _counts(study: Study) -> dict[str, Any]:
    counts = study.counted['counts']
    return {
        **study.counted,
        'counts': {
            **counts,
            'objects': counts['objects'] - counts['crowd_objects'],
            'frames': sum(video.length for video in study.truth.videos.values()),
            'categories': len(study.truth.category_names),
        },
    }


def _class_agnostic(study: Study, stats: dict) -> dict[str, float | None]:
    if not study.class_agnostic:
        output = evaluate(study.truth, study.results, class_agnostic=True)
        stats = {name: none_if_nan(output[name]) for name in PRECISION_NAMES}
    beyond = count_beyond_limit(study.results, class_agnostic=True)
    return {**{name: stats[name] for name in PRECISION_NAMES}, 'results_beyond_limit': beyond}


def _curves(precision: np.ndarray) -> dict[str, list[float]]:
    everything = precision[..., 0, -1]
    # Categories without objects are -1 throughout.
    valid = everything[:, :, (everything > -1).all(axis=(0, 1))].mean(axis=2)
    return {
        'recall': RECALL_THRESHOLDS.tolist(),
        'AP50': valid[AT_50].tolist(),
        'AP75': valid[AT_75].tolist(),
        'AP': valid.mean(axis=0).tolist(),
    }


def _video(study: Study, video_id: int | str) -> dict[str, Any]:
    video = study.truth.videos[video_id]
    row: dict[str, Any] = {'id': video_id, 'frames': video.length}
    survey = study.surveys.get(video_id)
    if survey is None:
        return {**row, 'objects': 0, 'results': 0, 'HOTA': None, 'IDF1': None, 'errors': {}}
    errors, tracks = survey.errors, survey.all_tracks
    scores = dict.fromkeys(TRACKING_NAMES) if tracks.empty else _plain(tracks.scores())
    return {
        **row,
        'objects': int(errors.counted.sum()),
        'results': int((errors.scores >= study.min_score).sum()),
        'HOTA': scores['HOTA'],
        'IDF1': scores['IDF1'],
        'errors': {kind: errors.count(kind, study.min_score) for kind in ERROR_KINDS},
    }
