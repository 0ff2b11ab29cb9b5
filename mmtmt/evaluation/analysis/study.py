"""Results and ground truth brought together once, for all that is asked about them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..functional.inputs import HIDDEN_GROUND_TRUTH, read_ground_truth, read_results
from ..functional.matching import Matches, Pairing, pair_up
from ..functional.remarks import count, remarks
from ..functional.tubes import GroundTruth, Results
from ..functional.video_ap import match_all
from .resampling import rank_matches
from .sample import SIZE_NAMES, Sampleable
from .survey import VideoSurvey, survey_videos
from .tracking import no_tracks


@dataclass(frozen=True, eq=False)
class Study:
    """One set of results beside the ground truth.

    Attributes:
        truth: The ground truth.
        results: What is compared with it.
        class_agnostic: Whether all categories are taken as one, with the id -1.
        category_names: By id.
        min_score: Results below are left out of tracks and confusions.
        pairings: Of all videos and categories with objects or results.
        matches: Per category in rising order of ids, those of its videos.
        surveys: By video id.
        sampleable: Over all videos in rising order of ids.
    """

    truth: GroundTruth
    results: Results
    class_agnostic: bool
    category_names: dict[int, str]
    min_score: float
    pairings: list[Pairing]
    matches: list[list[Matches]]
    surveys: dict[int | str, VideoSurvey]
    sampleable: Sampleable

    @property
    def category_ids(self) -> list[int]:
        """Ids in rising order."""
        return sorted(self.category_names)

    @cached_property
    def counted(self) -> dict[str, Any]:
        """What came in and what of it the numbers leave out: the ``counts``, with
        ``results_below_min_score``, and ``examples`` of `functional.remarks.count`, and
        ``remarks``, the same in sentences."""
        counts, examples = count(self.truth, self.results, class_agnostic=self.class_agnostic)
        scores = [result.score for pairing in self.pairings for result in pairing.results]
        counts['results_below_min_score'] = sum(score < self.min_score for score in scores)
        found = {'counts': counts, 'examples': examples}
        told = remarks({**found, 'class_agnostic': self.class_agnostic})
        return {**found, 'remarks': told}

    @property
    def video_ids(self) -> list[int | str]:
        """Ids in rising order."""
        return sorted(self.truth.videos)


def study_results(
    gt: str | Path | dict | GroundTruth,
    results: str | Path | Iterable[dict] | Results,
    *,
    class_agnostic: bool = False,
    min_score: float = 0.0,
) -> Study:
    """Reads, matches and looks at every video.

    Args:
        gt: Annotations as `evaluate` takes them.
        results: Results as `evaluate` takes them.
        class_agnostic: Take all categories as one.
        min_score: Results below are left out of tracks and confusions.

    Returns:
        The study.

    Raises:
        ValueError: If the two don't fit each other, there are no objects to be found, or the least
            score is no finite number.
    """
    if not math.isfinite(min_score):
        raise ValueError(f'expected a finite least score, got {min_score}')
    truth = gt if isinstance(gt, GroundTruth) else read_ground_truth(gt)
    predicted = results if isinstance(results, Results) else read_results(results, truth)
    if all(tube.ignore for group in truth.tubes.values() for tube in group):
        why = 'it has crowd regions only' if truth.tubes else HIDDEN_GROUND_TRUTH
        raise ValueError(f'the ground truth has no objects, so there is nothing to measure; {why}')
    names = {-1: 'object'} if class_agnostic else truth.category_names
    category_ids = sorted(names)
    pairings = list(pair_up(truth, predicted, class_agnostic=class_agnostic).values())
    matches = match_all(pairings, category_ids)
    surveys = survey_videos(pairings, category_ids, min_score)

    index = {video: v for v, video in enumerate(sorted(truth.videos))}
    videos: dict[int, list[int]] = {category: [] for category in category_ids}
    for pairing in pairings:
        videos[pairing.category_id].append(index[pairing.video_id])
    ranked, *sizes = (
        {
            category: rank_matches(parts, videos[category], len(index), group)
            for category, parts in zip(category_ids, matches, strict=True)
            if parts
        }
        for group in range(1 + len(SIZE_NAMES))
    )
    tracks = [surveys[video].all_tracks if video in surveys else no_tracks() for video in index]
    return Study(
        truth,
        predicted,
        class_agnostic,
        names,
        min_score,
        pairings,
        matches,
        surveys,
        Sampleable(ranked, tracks, dict(zip(SIZE_NAMES, sizes, strict=True))),
    )
