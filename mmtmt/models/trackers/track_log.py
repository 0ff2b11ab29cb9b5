"""What a video's tracks looked like: masks, scores, and which tracks were noise."""
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from mmtmt.structures.tubes import Tube

GRACE_FRAMES = 9  # noise is looked for from the tenth frame on
FEWEST_DETECTIONS = 3
UNSEEN_FRAMES = 2


class TrackResults(NamedTuple):
    """Scored (track, category) pairs.

    Attributes:
        scores: (M,).
        tracks: (M,) int64, positions in the log.
        columns: (M,) int64 categories.
    """

    scores: Tensor
    tracks: Tensor
    columns: Tensor


@dataclass
class LoggedTrack:
    """One track.

    Attributes:
        masks: By frame, its RLE, or None where its mask was empty.
        total: (K,) float64, the sum of its scores.
        highest: (K,) the maximum of its scores.
    """

    masks: dict[int, dict | None] = field(default_factory=dict)
    total: Tensor | float = 0.0
    highest: Tensor | None = None


@dataclass
class TrackLog:
    """Collects detections by track, as encoded masks and sums of scores.

    A track of fewer than 3 detections that wasn't seen in the last 2 frames is removed, from the
    tenth frame on. If the tracker finds it again, it starts anew, as in the official IDOL.

    Attributes:
        tracks: By id, in the order of their first detection.
        num_frames: Frames so far.
    """

    tracks: dict[int, LoggedTrack] = field(default_factory=dict)
    num_frames: int = 0

    def add(self, ids: list[int], scores: Tensor, masks: Tube) -> None:
        """Take in the tracked detections of the next frame.

        Args:
            ids: n tracks.
            scores: (n, K).
            masks: n RLEs, or None for empty masks.
        """
        for name, score, mask in zip(ids, scores, masks):
            track = self.tracks.setdefault(name, LoggedTrack())
            track.masks[self.num_frames] = mask
            track.total = track.total + score.double()
            track.highest = score if track.highest is None else torch.maximum(track.highest, score)
        self.num_frames += 1
        if self.num_frames > GRACE_FRAMES:
            self.tracks = {
                name: track for name, track in self.tracks.items()
                if len(track.masks) >= FEWEST_DETECTIONS
                or self.num_frames - next(reversed(track.masks)) <= UNSEEN_FRAMES
            }

    def results(self, reduction: str, threshold: float | None) -> TrackResults:
        """What the tracks are.

        Args:
            reduction: How their scores are summed up over the frames with a detection, `mean` or
                `max`.
            threshold: Every category above it is a result; None for the best one of each track.

        Returns:
            M results, track after track.
        """
        if not self.tracks:
            nothing = torch.zeros(0, dtype=torch.int64)
            return TrackResults(torch.zeros(0), nothing, nothing)
        scores = torch.stack([
            track.highest.double() if reduction == 'max' else track.total / len(track.masks)
            for track in self.tracks.values()])
        if threshold is None:
            best, columns = scores.max(1)
            return TrackResults(best, torch.arange(len(scores)), columns)
        tracks, columns = (scores > threshold).nonzero().unbind(1)
        return TrackResults(scores[tracks, columns], tracks, columns)

    def tubes(self) -> list[Tube]:
        """The tracks over all frames.

        Returns:
            One per track, None where it has no detection.
        """
        frames = range(self.num_frames)
        return [[track.masks.get(frame) for frame in frames] for track in self.tracks.values()]
