"""What is kept of a video on its way through a model that streams."""
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmtmt.models.trackers import ChunkLinker
from mmtmt.models.vis.evaluation_space import EvaluationSpace
from mmtmt.models.vis.frame_queue import FrameQueue
from mmtmt.structures.frame_source import FrameSource
from mmtmt.structures.tubes import Tube


@dataclass
class ClipRecord:
    """What is kept of a decoded clip: a few numbers per query, in the order of the first clip.

    Attributes:
        num_frames: T of the clip, without those that the clip before has too.
        class_logits: (Q, K + 1), the mean over frames; None for models that keep their own scores.
        mask_embeds: (1, Q, C_mask) of all frames, or (T, Q, C_mask), one per frame; None where the
            end of the video tells them, or where they are decoded again.
        score_logits: (K,) taxonomy scores, the mean over frames; with a background (K + 1,).
    """

    num_frames: int
    class_logits: Tensor | None
    mask_embeds: Tensor | None
    score_logits: Tensor | None


def join_records(records: Sequence[ClipRecord]) -> ClipRecord:
    """What is known of several clips together: everything but their masks.

    Args:
        records: At least one.

    Returns:
        Of all their frames, without mask embeddings.
    """
    frames = sum(record.num_frames for record in records)

    def mean(name: str) -> Tensor | None:
        if getattr(records[0], name) is None:
            return None
        # float32 under autocast too: in bfloat16 the mean of a long stream would stand still
        return sum(
            record.num_frames / frames * getattr(record, name).float() for record in records)

    return ClipRecord(frames, mean('class_logits'), None, mean('score_logits'))


@dataclass
class VideoState:
    """A video on its way through the model.

    Attributes:
        space: Categories to predict in.
        ori_shape: Height and width of the masks to return.
        source: To read frames a second time.
        clip_length: Frames whose features are kept at a time.
        overlap: Frames that a clip shares with the one before.
        num_frames: Frames that have come so far.
        queue: Frames that wait for a portion to be complete.
        mask_features: Of the clip that is being filled, tensors (t, C_mask, H, W).
        num_shared: Frames of this clip that the one before has too, the first ones.
        records: Of the clips that are done; in one-pass mode one of all but the last.
        linker: Of clips whose queries start anew.
        tubes: One-pass mode: by query, the masks encoded so far.
        img_shape: Height and width of the frames that come in.
        compiled_labels: After `finish`: selected categories of the video, best first; None where no
            taxonomy is compiled.
        num_discarded: After `finish`: predictions without a label in the evaluation vocabulary.
    """

    space: EvaluationSpace
    ori_shape: tuple[int, int]
    source: FrameSource | None
    clip_length: int
    overlap: int = 0
    num_frames: int = 0
    queue: FrameQueue = field(default_factory=FrameQueue)
    mask_features: list[Tensor] = field(default_factory=list)
    num_shared: int = 0
    records: list[ClipRecord] = field(default_factory=list)
    linker: ChunkLinker = field(default_factory=ChunkLinker)
    tubes: dict[int, Tube] = field(default_factory=dict)
    img_shape: tuple[int, int] | None = None
    compiled_labels: list[int] | None = None
    num_discarded: int = 0

    @property
    def num_waiting(self) -> int:
        """Frames of the clip that is being filled."""
        return sum(map(len, self.mask_features))

    def shared_features(self) -> Tensor | None:
        """Mask features of the frames that the clip before has too.

        Returns:
            (t, C_mask, H, W); None without any.
        """
        parts, missing = [], self.num_shared
        for part in self.mask_features:
            parts.append(part[:missing])
            missing -= len(parts[-1])
        return torch.cat(parts) if self.num_shared else None


def last_frames(parts: Sequence[Tensor], count: int) -> list[Tensor]:
    """The end of a list of portions of frames.

    Args:
        parts: Tensors (t, ...).
        count: Frames to keep, at most as many as there are.

    Returns:
        Tensors (t, ...) of `count` frames in all, views of the parts.
    """
    kept: list[Tensor] = []
    for part in reversed(parts):
        if count <= 0:
            break
        kept.append(part[-count:])
        count -= len(part)
    return kept[::-1]
