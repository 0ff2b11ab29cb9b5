"""The losses of VITA's clips, and of GenVIS' one after another."""
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.set_criterion import Matches, VideoSetCriterion
from mmtmt.models.losses.similarity import similarity_loss
from mmtmt.models.losses.stage_prediction import StagePrediction
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.task_modules.uvla import assign_new_instances
from mmtmt.registry import MODELS


class SimilarityInputs(NamedTuple):
    """What the similarity loss of B clips reads, for the queries of L layers of a frame decoder.

    Attributes:
        frames: (L * B, T, Q_f, C) embeddings of the frames' queries.
        clips: (L * B, Q, C) embeddings of the video queries.
        matches: Per layer, clip and frame, one list of L * B * T, the indices of matched frame
            queries and of their instances in the clip.
    """

    frames: Tensor
    clips: Tensor
    matches: Matches


@MODELS.register_module()
class VITACriterion(VideoSetCriterion):
    """Set losses of clip predictions, and the similarity loss (VITA, arXiv 2206.04403).

    In training a clip is decoded from the queries of the last L layers of the frame decoder, each
    layer a sample of its own: B clips make L * B samples, layer after layer, and the number of
    instances that the mask losses are divided by is L times as large. The points of an instance's
    frames are one row of the mask losses, unlike in Mask2Former-VIS.

    Args:
        similarity_weight: Weight of the similarity loss of the last stage.
        **kwargs: Of VideoSetCriterion.
    """

    def __init__(self, *, similarity_weight: float = 0.5, **kwargs) -> None:
        super().__init__(join_frames=True, **kwargs)
        self.similarity_weight = similarity_weight

    def forward(self, stages: Sequence[StagePrediction], targets: Sequence[ClipTarget],
                space: LabelSpace, similarity: SimilarityInputs) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            stages: After each layer of the clip decoder, of L * B samples.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            similarity: Embeddings, and the matches of the frame decoder.

        Returns:
            As of VideoSetCriterion, and `loss_similarity`.
        """
        layers = len(stages[0].class_logits) // len(targets)
        targets, space = list(targets) * layers, space.repeated(layers)
        assigned = self.assign(stages, targets, space)
        losses = self.set_losses(stages, assigned, targets, space, layers)
        losses['loss_similarity'] = self.similarity_weight * similarity_loss(
            *_matched_embeds(similarity, assigned[-1].matches))
        return losses


def _matched_embeds(similarity: SimilarityInputs,
                    clip_matches: Matches) -> tuple[list[Tensor], list[Tensor]]:
    """Embeddings of the matched queries of each sample, of frames and clip, and their instances."""
    num_frames = similarity.frames.shape[1]
    embeds, instances = [], []
    for index, (queries, owners) in enumerate(clip_matches):
        matches = similarity.matches[index * num_frames:(index + 1) * num_frames]
        embeds.append(torch.cat([
            *(rows[chosen] for rows, (chosen, _) in zip(similarity.frames[index], matches)),
            similarity.clips[index][queries],
        ]))
        instances.append(torch.cat([*(shown for _, shown in matches), owners]))
    return embeds, instances


@dataclass
class TrackedTarget(ClipTarget):
    """Ground truth of a clip of a video whose instances keep their queries.

    Labels and masks are those of all instances of the video, also where the clip shows none of
    them.

    Attributes:
        queries: By stage and sample, (N,) int64 query of each instance, -1 before it appeared, on
            the CPU; shared by the clips of a video.
    """

    queries: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def queries_of(self, stage: int, sample: int) -> Tensor:
        """(N,) int64, see `queries`."""
        nothing = torch.full((len(self.labels),), -1)
        return self.queries.get((stage, sample), nothing)

    def known(self, stage: int, sample: int) -> Tensor:
        """(N,) bool, the instances that the clip shows and that have a query."""
        return self.visible.any(1) & (self.queries_of(stage, sample) >= 0)

    def new(self, stage: int, sample: int) -> Tensor:
        """(N,) bool, the instances that the clip shows and that have no query yet."""
        return self.visible.any(1) & (self.queries_of(stage, sample) < 0)


@MODELS.register_module()
class GenVISCriterion(VITACriterion):
    """The losses of one clip of a video, whose instances keep the queries of earlier clips.

    An instance is matched in the clip where it first appears, at each stage on its own; later it is
    the target of that query in every clip that shows it (GenVIS, section 3.3). The targets are
    TrackedTargets, which remember the queries.

    Args:
        **kwargs: Of VITACriterion.
    """

    def sought(self, target: TrackedTarget, stages: int, clip: int) -> Tensor:
        """See VideoSetCriterion.sought: what the clip shows and has no query yet."""
        new = [target.new(stage, clip) for stage in range(stages)]
        return torch.stack(new).any(0).nonzero().squeeze(1)

    def num_matches(self, target: TrackedTarget, queries: int, stage: int, clip: int) -> int:
        """See VideoSetCriterion.num_matches."""
        new, known = target.new(stage, clip), target.known(stage, clip)
        taken = target.queries_of(stage, clip)[known].unique()
        return int(known.sum()) + min(int(new.sum()), queries - len(taken))

    def match(self, costs: Sequence[Tensor], targets: Sequence[TrackedTarget],
              stage: int) -> Matches:
        """See VideoSetCriterion.match.

        Args:
            costs: Per sample, (Q, N), of the new instances.
            targets: Of the samples; their queries are changed.
            stage: Index of the stage.

        Returns:
            Query and instance indices of the instances that each clip shows.
        """
        matches = []
        for clip, (target, pairs) in enumerate(zip(targets, costs)):
            target.queries[stage, clip] = assign_new_instances(
                pairs[:, target.new(stage, clip)], target.queries_of(stage, clip),
                target.visible.any(1))
            instances = target.known(stage, clip).nonzero().squeeze(1)
            matches.append((target.queries_of(stage, clip)[instances], instances))
        return matches

    def _num_instances(self, targets: Sequence[ClipTarget]) -> int:
        return sum(int(target.visible.any(1).sum()) for target in targets)
