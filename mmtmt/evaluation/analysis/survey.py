"""One walk over the videos: tracks, mistakes and confusions of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as mask_api

from ..functional.matching import Pairing
from ..functional.tubes import Tube
from ..functional.video_ap import IOU_THRESHOLDS
from .confusion import count_confusions
from .errors import VideoErrors, find_errors
from .sample import AT_50
from .tracking import TrackCounts, count_tracks, crowd_detections, no_tracks
from .video_overlap import VideoOverlap, by_video

# IoU over the whole video from which on a result is on an object, for mistakes and confusions.
ON_OBJECT = 0.5


@dataclass(frozen=True, eq=False)
class VideoSurvey:
    """What was found in one video.

    Attributes:
        video_id: id of the video.
        tracks: Per category id its counts, for those that occur.
        errors_at: The judgement of its results and objects at each official IoU threshold.
        confusion: (K + 1, K + 1), see `count_confusions`.
    """

    video_id: int | str
    tracks: dict[int | str, TrackCounts]
    errors_at: list[VideoErrors]
    confusion: np.ndarray

    @property
    def errors(self) -> VideoErrors:
        """The judgement at `ON_OBJECT`."""
        return self.errors_at[AT_50]

    @property
    def all_tracks(self) -> TrackCounts:
        """Counts over all categories."""
        return sum(self.tracks.values(), no_tracks())


def survey_videos(
    pairings: Iterable[Pairing], category_ids: Sequence[int | str], min_score: float
) -> dict[int | str, VideoSurvey]:
    """Looks at every video with objects or results once.

    Args:
        pairings: As `pair_up` gives them.
        category_ids: The K categories.
        min_score: Results below are left out of the tracks and confusions.

    Returns:
        By video id.
    """
    return {
        overlap.video_id: VideoSurvey(
            overlap.video_id,
            {category_ids[k]: counts for k, counts in track_counts(overlap, min_score).items()},
            find_errors(overlap, IOU_THRESHOLDS),
            count_confusions(overlap, len(category_ids), ON_OBJECT, min_score),
        )
        for overlap in by_video(pairings, category_ids)
    }


def track_counts(overlap: VideoOverlap, min_score: float) -> dict[int, TrackCounts]:
    """Compares the tracks of a video, each category on its own.

    A frame without pixels is one where the track is absent, whether the file has null there or an
    empty mask. Detections on crowd regions are left out as `crowd_detections` has it.

    Args:
        overlap: The video.
        min_score: Results below are left out.

    Returns:
        Per position of a category, for those that occur.
    """
    counts = {}
    confident = overlap.scores >= min_score
    present = [overlap.result_areas > 0, overlap.object_areas > 0]
    for category in sorted({*overlap.result_category, *overlap.object_category}):
        results = np.flatnonzero(confident & (overlap.result_category == category))
        # Pairings that are equally good are told apart by the order of the file.
        results = results[np.argsort([overlap.results[d].index for d in results])]
        objects = np.flatnonzero(~overlap.crowd & (overlap.object_category == category))
        crowds = np.flatnonzero(overlap.crowd & (overlap.object_category == category))
        iou = overlap.frame_iou[:, results][:, :, objects]
        seen = present[0][:, results]
        if len(crowds) and len(results):
            cover = _crowd_cover(
                [overlap.results[d] for d in results], [overlap.objects[g] for g in crowds]
            )
            seen = seen & ~crowd_detections(iou, seen, cover)
            iou = np.where(seen[:, :, None], iou, 0)
        counts[int(category)] = count_tracks(iou, present[1][:, objects], seen)
    return counts


def _crowd_cover(results: Sequence[Tube], crowds: Sequence[Tube]) -> np.ndarray:
    """(T, D): the share of each detection that lies on any of the crowd regions."""
    cover = np.zeros((len(results[0].areas), len(results)))
    for t in range(len(cover)):
        regions = [crowd.masks.rle(t) for crowd in crowds if crowd.areas[t]]
        here = [d for d, result in enumerate(results) if result.areas[t]]
        if regions and here:
            union = mask_api.merge(regions)
            masks = [results[d].masks.rle(t) for d in here]
            cover[t, here] = np.asarray(mask_api.iou(masks, [union], [1]))[:, 0]
    return cover
