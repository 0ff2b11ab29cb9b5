"""IDOL's tracker: detections are linked by embeddings to a memory bank of tracks."""
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from mmtmt.models.trackers.suppression import greedy_suppression, mask_overlaps
from mmtmt.models.utils.products import inner_products
from mmtmt.registry import TASK_UTILS

BACKDROP = -1  # overlaps no better detection, but starts no track
DROPPED = -2


class FrameIds(NamedTuple):
    """What became of the detections of a frame.

    Attributes:
        kept: (m,) int64, the detections that mask suppression kept.
        ids: (m,) int64, their tracks, or BACKDROP or DROPPED.
    """

    kept: Tensor
    ids: Tensor


@dataclass
class MemoryTrack:
    """What the bank remembers of a track.

    Attributes:
        average: (C,) moving average of its embeddings.
        embeds: The last ones, (C,) each.
        scores: The detection scores of these.
        last_frame: When it was seen last.
        num_frames: In how many frames it was seen.
    """

    average: Tensor
    embeds: deque
    scores: deque
    last_frame: int
    num_frames: int = 1


@TASK_UTILS.register_module()
@dataclass(kw_only=True)
class MemoryBankTracker:
    """Online tracker with a temporally weighted memory (IDOL, arXiv 2207.10661, section 3.3).

    One tracker follows one video; its memory is that of the tracks seen lately.

    Attributes:
        mask_nms: Overlap with a better mask of the frame above which a detection is dropped.
        init_score: Smallest score of a new track while the bank is empty.
        new_score: Smallest score of a new track otherwise.
        match_score: Similarity above which a detection continues a track.
        backdrop_overlap: An unmatched detection that overlaps every better one less than this is
            a backdrop.
        memory_length: Embeddings of a track that its memory is made of.
        max_unseen: Frames without a detection after which a track is forgotten.
        temporal_memory: Whether a track is compared by the mean of its last embeddings, weighted
            by their scores; else by a moving average.
        temporal_weight: Whether later embeddings count more in that mean.
        frame_weight: Whether a detection that resembles several tracks prefers long ones.
        momentum: Of the moving average, the share of the new embedding.
    """

    mask_nms: float = 0.5
    init_score: float = 0.2
    new_score: float = 0.2
    match_score: float = 0.5
    backdrop_overlap: float = 0.05
    memory_length: int = 3
    max_unseen: int = 10
    temporal_memory: bool = True
    temporal_weight: bool = True
    frame_weight: bool = True
    momentum: float = 0.8
    tracks: dict[int, MemoryTrack] = field(default_factory=dict, init=False, repr=False)
    frame: int = field(default=0, init=False, repr=False)
    num_tracks: int = field(default=0, init=False, repr=False)

    @torch.no_grad()
    def update(self, scores: Tensor, embeds: Tensor, masks: Tensor) -> FrameIds:
        """Take in the detections of the next frame.

        Args:
            scores: (n,) float32, best first.
            embeds: (n, C) float32.
            masks: (n, H, W) bool.

        Returns:
            Their tracks.
        """
        overlaps = mask_overlaps(masks, masks).cpu()
        kept = greedy_suppression(overlaps, self.mask_nms).nonzero().squeeze(1)
        scores, embeds = scores.cpu()[kept], embeds.cpu()[kept]
        ids = torch.full((len(kept), ), DROPPED)
        newcomers = scores > self.init_score
        if self.tracks:
            ids = self._match(embeds)
            newcomers = (ids == DROPPED) & (scores > self.new_score)
        ids[newcomers] = torch.arange(self.num_tracks, self.num_tracks + int(newcomers.sum()))
        self.num_tracks += int(newcomers.sum())
        # each against the better ones, whatever became of them
        distinct = overlaps[kept][:, kept].tril(-1) < self.backdrop_overlap
        ids[(ids == DROPPED) & distinct.all(1)] = BACKDROP
        self._remember(ids, scores, embeds)
        self.frame += 1
        return FrameIds(kept, ids)

    def _match(self, embeds: Tensor) -> Tensor:
        """Tracks of detections, best first; a track that is taken is out of the question."""
        names = list(self.tracks)
        memory = torch.stack([self._memory(track) for track in self.tracks.values()])
        lengths = torch.tensor([float(track.num_frames) for track in self.tracks.values()])
        products = inner_products(embeds, memory)
        similarity = (products.softmax(1) + products.softmax(0)) / 2
        ids = torch.full((len(embeds), ), DROPPED)
        for index, row in enumerate(similarity):
            close = row > self.match_score
            if self.frame_weight and int(close.sum()) > 1:
                row = row * torch.where(close, lengths, lengths[close].mean())
            best = int(row.argmax())
            if row[best] > self.match_score:
                ids[index] = names[best]
                own = similarity[index, best].clone()
                similarity[:, best] = 0
                similarity[index, best] = own
        return ids

    def _memory(self, track: MemoryTrack) -> Tensor:
        """(C,) what a track is compared by."""
        if not self.temporal_memory:
            return track.average
        weights = torch.stack(list(track.scores))
        if self.temporal_weight:
            count = len(weights)
            weights = weights + torch.arange(1, count + 1) / count
        embeds = torch.stack(list(track.embeds))
        return (embeds * weights[:, None]).sum(0) / weights.sum()

    def _remember(self, ids: Tensor, scores: Tensor, embeds: Tensor) -> None:
        for name, score, embed in zip(ids.tolist(), scores, embeds):
            if name < 0:
                continue
            track = self.tracks.get(name)
            if track is None:
                lasts = [deque([value], maxlen=self.memory_length) for value in (embed, score)]
                self.tracks[name] = MemoryTrack(embed, *lasts, self.frame)
                continue
            track.average = (1 - self.momentum) * track.average + self.momentum * embed
            track.embeds.append(embed)
            track.scores.append(score)
            track.last_frame = self.frame
            track.num_frames += 1
        self.tracks = {
            name: track for name, track in self.tracks.items()
            if self.frame - track.last_frame < self.max_unseen
        }
