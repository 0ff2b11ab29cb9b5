"""From the detections of frames to the tracks of a video: what an online model keeps of it."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmtmt.models.trackers import MemoryBankTracker, TrackLog, select_detections
from mmtmt.models.vis.evaluation_space import EvaluationSpace
from mmtmt.models.vis.frame_queue import FrameQueue
from mmtmt.models.vis.mask_output import masks_at_original_size
from mmtmt.structures.tubes import encode_tube

MASK_STRIDE = 4

# queries (n,) -> embeddings (n, C) and mask logits (n, h, w) of stride 4
Describe = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass
class TrackState:
    """A video on its way through an online model.

    Attributes:
        space: Categories to predict in.
        ori_shape: Height and width of the masks to return.
        tracker: Links the frames.
        log: What the tracks looked like.
        queue: Frames that wait for a portion to be complete.
        img_shape: Height and width of the frames that come in.
        score_sum: (K,) taxonomy scores, summed over frames.
        compiled_labels: After `finish`: selected categories of the video, best first; None where no
            taxonomy is compiled.
        num_discarded: After `finish`: predictions without a label in the evaluation vocabulary.
    """

    space: EvaluationSpace
    ori_shape: tuple[int, int]
    tracker: MemoryBankTracker
    log: TrackLog = field(default_factory=TrackLog)
    queue: FrameQueue = field(default_factory=FrameQueue)
    img_shape: tuple[int, int] | None = None
    score_sum: Tensor | None = None
    compiled_labels: list[int] | None = None
    num_discarded: int = 0

    @property
    def columns(self) -> Tensor:
        """(K_c,) int64, the class logits that count."""
        return self.space.competing.nonzero().squeeze(1)


def link_frame(class_logits: Tensor, boxes: Tensor, describe: Describe, state: TrackState,
               settings: Mapping[str, Any]) -> None:
    """Link the detections of the next frame and encode the masks of those that have a track.

    Only the queries that are worth tracking are described, and only masks of tracks are upsampled.

    Args:
        class_logits: (Q, K).
        boxes: (Q, 4) in centre form.
        describe: Gives embeddings and masks of some queries.
        state: Changed.
        settings: `select_threshold` and `box_nms` of IDOL's `test_cfg`.
    """
    probabilities = class_logits[:, state.columns].float().sigmoid()
    chosen = select_detections(
        probabilities, boxes, settings['select_threshold'], settings['box_nms'])
    probabilities = probabilities[chosen]
    embeds, logits = describe(chosen)
    kept, ids = state.tracker.update(probabilities.amax(1), embeds, logits > 0)
    kept, ids = kept[ids >= 0].to(chosen.device), ids[ids >= 0]
    padded_shape = tuple(MASK_STRIDE * size for size in logits.shape[-2:])
    masks = masks_at_original_size(
        logits[kept][:, None], padded_shape, state.img_shape, state.ori_shape, nearest=True)[:, 0]
    state.log.add(ids.tolist(), probabilities[kept].cpu(), encode_tube(masks.cpu()))


def collect_tracks(state: TrackState, settings: Mapping[str, Any]) -> InstanceData:
    """The results of a video.

    Args:
        state: After all frames; `num_discarded` is set.
        settings: `track_score`, `multi_label` and `class_threshold` of IDOL's `test_cfg`.

    Returns:
        `scores` (M,), `labels` (M,) in the evaluation vocabulary, `tubes`, track after track;
        empty if nothing was tracked.
    """
    scores, tracks, columns = state.log.results(
        settings['track_score'], settings['class_threshold'] if settings['multi_label'] else None)
    labels = state.space.labels.cpu()[state.columns.cpu()[columns]]
    known = labels >= 0
    state.num_discarded = int((~known).sum())
    tubes = state.log.tubes()
    return InstanceData(scores=scores[known].to(torch.float32), labels=labels[known],
                        tubes=[tubes[track] for track in tracks[known].tolist()])
