"""A comparison of results with ground truth in a form in which its videos can be weighed anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .resampling import RankedMatches, average_precision, average_recall, mean_of_valid
from .tracking import TrackCounts, resample_tracks

PRECISION_NAMES = ('AP', 'AP50', 'AP75', 'AR1', 'AR10', 'AR100')
# In the order of the area ranges behind the one that holds everything.
SIZE_NAMES = ('AP_small', 'AP_medium', 'AP_large')
RESAMPLED_TRACKING = ('HOTA', 'DetA', 'AssA', 'IDF1')
SAMPLED_NAMES = (*PRECISION_NAMES[:3], *SIZE_NAMES, *PRECISION_NAMES[3:], *RESAMPLED_TRACKING)
# Positions among the official IoU thresholds.
AT_50, AT_75 = 0, 5


@dataclass(frozen=True, eq=False)
class Sampleable:
    """What numbers follow from, given how often each of V videos counts.

    Attributes:
        ranked: Per category id its results, for the categories that occur.
        tracks: Per video its counts over all categories.
        sizes: Per name of `SIZE_NAMES` the same as `ranked`, with what lies outside ignored.
    """

    ranked: dict[int, RankedMatches]
    tracks: list[TrackCounts]
    sizes: dict[str, dict[int, RankedMatches]]

    def numbers(self, weights: np.ndarray) -> tuple[dict[str, np.ndarray], dict[int, np.ndarray]]:
        """The numbers of samples of the videos.

        Args:
            weights: (R, V) how often each video is in each sample.

        Returns:
            Per name of `SAMPLED_NAMES` (R,), and per category its AP (R,); NaN where a sample has
            no objects.
        """
        precision = {i: average_precision(one, weights) for i, one in self.ranked.items()}
        recall = [average_recall(one, weights) for one in self.ranked.values()]
        mean, mean_recall = mean_of_valid(list(precision.values())), mean_of_valid(recall)
        values = (mean.mean(axis=1), mean[:, AT_50], mean[:, AT_75], *mean_recall.T)
        sizes = {
            name: mean_of_valid(
                [average_precision(one, weights).mean(axis=1) for one in ranked.values()]
            )
            for name, ranked in self.sizes.items()
        }
        tracking = resample_tracks(self.tracks, weights).scores()
        found = {
            **dict(zip(PRECISION_NAMES, values, strict=True)),
            **sizes,
            **{name: tracking[name] for name in RESAMPLED_TRACKING},
        }
        return (
            {name: found[name] for name in SAMPLED_NAMES},
            {i: value.mean(axis=1) for i, value in precision.items()},
        )
