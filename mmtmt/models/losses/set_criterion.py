"""The set criterion of Mask2Former-VIS with the taxonomy terms of TMT-VIS."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from mmtmt.models.layers import token_linear
from mmtmt.models.losses.label_space import (
    LABEL_SPACE_LOSSES,
    LabelSpace,
    classification_loss,
    matching_probabilities,
)
from mmtmt.models.losses.mask_losses import point_bce_loss, point_dice_loss
from mmtmt.models.losses.point_sampling import sample_points, uncertain_points
from mmtmt.models.losses.taxonomy_losses import score_loss, taxonomy_recall
from mmtmt.models.outputs import CompiledTaxonomy
from mmtmt.registry import MODELS, TASK_UTILS

TAXONOMY_LOSSES = ('off', 'final', 'own', 'cost')
Matches = list[tuple[Tensor, Tensor]]  # per clip: query indices, instance indices


class StagePrediction(Protocol):
    """One stage's prediction as the criterion reads it."""

    class_logits: Tensor  # (B, Q, K + 1)

    def masks(self, clip: int, queries: Tensor | None = None) -> Tensor:
        """Mask logits (T, n, H, W) of some queries, or all, of one clip of the batch."""


@dataclass
class EmbeddedPrediction:
    """Masks kept as embeddings, so that only those asked for are ever made.

    Attributes:
        class_logits: (B, Q, K + 1).
        mask_embeds: (B, Q, C).
        mask_features: Per clip (T, C, H, W), best with channels last; shared by all stages.
    """

    class_logits: Tensor
    mask_embeds: Tensor
    mask_features: Sequence[Tensor]

    def masks(self, clip: int, queries: Tensor | None = None) -> Tensor:
        """See StagePrediction."""
        embeds = self.mask_embeds[clip] if queries is None else self.mask_embeds[clip][queries]
        features = self.mask_features[clip]
        # queries last in memory, as the matcher reads all of them at the same points
        masks = token_linear(features.flatten(2).transpose(1, 2), embeds)
        return masks.transpose(1, 2).unflatten(2, features.shape[-2:])


def joint_masks(stages: Sequence[StagePrediction], clip: int,
                queries: Sequence[Tensor]) -> Tensor:
    """Masks of some queries of each stage.

    Args:
        stages: S stages.
        clip: Of which clip of the batch.
        queries: Per stage, (n,) indices.

    Returns:
        (S * n, T, H, W), stage after stage.
    """
    if isinstance(stages[0], EmbeddedPrediction):
        # one product for all, so that the gradients of the features are summed in it
        embeds = torch.cat([stage.mask_embeds[clip][chosen]
                            for stage, chosen in zip(stages, queries)])
        return torch.einsum('qc,tchw->qthw', embeds, stages[0].mask_features[clip])
    return torch.cat([stage.masks(clip, chosen).transpose(0, 1)
                      for stage, chosen in zip(stages, queries)])


@dataclass
class Assignment:
    """What is settled about a stage without gradients.

    Attributes:
        matches: Query and instance indices per clip.
        points: (R, P, 2) of the mask losses, R = matched instances of all clips times frames.
        labels: (R, P), the instances' masks there.
    """

    matches: Matches
    points: Tensor
    labels: Tensor


@dataclass
class ClipTarget:
    """Ground truth of one clip.

    Attributes:
        labels: (N,) int64 in the union.
        masks: (N, T, H, W) float in [0, 1], padded like the batch.
    """

    labels: Tensor
    masks: Tensor

    @property
    def visible(self) -> Tensor:
        """(N, T) bool, the frames that show an instance."""
        return self.masks.flatten(2).any(2)

    def frames(self, visible_only: bool = False) -> list['ClipTarget']:
        """Each frame as a clip of one frame.

        Args:
            visible_only: Leave out the instances that a frame doesn't show, as the official VITA;
                otherwise they stay targets there, with their label and an empty mask, as in the
                official MinVIS.

        Returns:
            T targets, masks (N, 1, H, W).
        """
        frames = self.masks.split(1, dim=1)
        if not visible_only:
            return [ClipTarget(self.labels, masks) for masks in frames]
        return [ClipTarget(self.labels[shown], masks[shown])
                for masks, shown in zip(frames, self.visible.unbind(1))]


@MODELS.register_module()
class VideoSetCriterion(nn.Module):
    """Class, mask and dice losses of every stage with its own matching, and the taxonomy terms.

    The mask losses are divided by the number of instances (all-reduced, averaged over ranks) and
    not by frames, as in the official Mask2Former-VIS, which takes each frame of an instance as a
    row of its own; mmdet divides its mask loss differently. VITA joins an instance's frames to one
    row, so that its losses don't grow with the frames.

    Args:
        num_points: P per instance and frame.
        oversample_ratio: Candidates per point in uncertainty sampling.
        importance_sample_ratio: Share of points chosen by uncertainty.
        no_object_weight: Weight of unmatched queries in the class loss.
        class_weight: Weight of the class loss.
        mask_weight: Weight of the mask cross-entropy.
        dice_weight: Weight of the dice loss.
        label_space_loss: `union`, `masked` or `marginal`, see losses.label_space.
        taxonomy_loss: The class loss of the prediction right after the injection (TMT-VIS,
            section 3.4): `final`, with the last stage's matching; `own`, with its own matching;
            `cost`, with the last stage's matching, whose class cost then reads the
            probabilities of the first stage; `off`.
        taxonomy_weight: Its weight.
        score_weight: Weight of the score supervision.
        join_frames: Make one row of the points of all frames of an instance.
        matcher: Config of the matcher; by default the costs are the loss weights.
    """

    def __init__(self, *, num_points: int = 12544, oversample_ratio: float = 3.0,
                 importance_sample_ratio: float = 0.75, no_object_weight: float = 0.1,
                 class_weight: float = 2.0, mask_weight: float = 5.0, dice_weight: float = 5.0,
                 label_space_loss: str = 'union', taxonomy_loss: str = 'off',
                 taxonomy_weight: float = 0.5, score_weight: float = 0.5,
                 join_frames: bool = False, matcher: dict | None = None) -> None:
        super().__init__()
        for name, value, choices in (('label_space_loss', label_space_loss, LABEL_SPACE_LOSSES),
                                     ('taxonomy_loss', taxonomy_loss, TAXONOMY_LOSSES)):
            if value not in choices:
                raise ValueError(f'criterion.{name}: expected one of {choices}, got {value!r}')
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_sample_ratio = importance_sample_ratio
        self.no_object_weight = no_object_weight
        self.class_weight = class_weight
        self.mask_weight = mask_weight
        self.dice_weight = dice_weight
        self.label_space_loss = label_space_loss
        self.taxonomy_loss = taxonomy_loss
        self.taxonomy_weight = taxonomy_weight
        self.score_weight = score_weight
        self.join_frames = join_frames
        self.matcher = TASK_UTILS.build(
            matcher or dict(type='VideoHungarianMatcher'),
            default_args=dict(class_cost=class_weight, mask_cost=mask_weight,
                              dice_cost=dice_weight, num_points=num_points))

    def forward(self, stages: Sequence[StagePrediction], targets: Sequence[ClipTarget],
                space: LabelSpace, compiled: CompiledTaxonomy | None = None,
                supervise_score: bool = False) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            stages: Before layer 1 and after each layer.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            compiled: Of the taxonomy branch.
            supervise_score: Add the loss of the category scores.

        Returns:
            `loss_cls`, `loss_mask`, `loss_dice` of the last stage, the same
            with prefix `d0.`, `d1.`, ... of the others; with a taxonomy branch `loss_taxonomy`,
            `loss_score` and the figure `taxonomy_recall`.
        """
        assigned = self.assign(stages, targets, space)
        losses = self.set_losses(stages, assigned, targets, space)
        if compiled is not None:
            losses.update(self.taxonomy_losses(
                stages, assigned, targets, space, compiled, supervise_score))
        return losses

    def assign(self, stages: Sequence[StagePrediction], targets: Sequence[ClipTarget],
               space: LabelSpace) -> list[Assignment]:
        """Match every stage and choose the points of its mask losses.

        Args:
            stages: Before layer 1 and after each layer.
            targets: Of the B clips.
            space: Vocabularies of the clips.

        Returns:
            Of each stage.
        """
        assigned = {}
        for index in _last_first(stages):
            costing = 0 if index == len(stages) - 1 and self.taxonomy_loss == 'cost' else index
            assigned[index] = self._assign(
                stages[index], targets, space, stages[costing].class_logits, index)
        return [assigned[index] for index in range(len(stages))]

    def set_losses(self, stages: Sequence[StagePrediction], assigned: Sequence[Assignment],
                   targets: Sequence[ClipTarget], space: LabelSpace,
                   repeats: int = 1) -> dict[str, Tensor]:
        """Class, mask and dice losses of every stage.

        Args:
            stages: Before layer 1 and after each layer.
            assigned: Of each stage.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            repeats: How often each clip is there, so that its instances count several times.

        Returns:
            As of `forward`.
        """
        order = _last_first(stages)
        mask_losses = self._mask_losses(
            [stages[index] for index in order], [assigned[index] for index in order],
            self._num_masks(targets, repeats))
        losses = {}
        for index, (mask, dice) in zip(order, mask_losses):
            prefix = '' if index == len(stages) - 1 else f'd{index}.'
            losses[f'{prefix}loss_cls'] = self.class_weight * self._class_loss(
                stages[index].class_logits, targets, assigned[index].matches, space)
            losses[f'{prefix}loss_mask'] = self.mask_weight * mask
            losses[f'{prefix}loss_dice'] = self.dice_weight * dice
        return losses

    def taxonomy_losses(self, stages: Sequence[StagePrediction], assigned: Sequence[Assignment],
                        targets: Sequence[ClipTarget], space: LabelSpace,
                        compiled: CompiledTaxonomy, supervise_score: bool) -> dict[str, Tensor]:
        """Losses and recall of the taxonomy branch.

        Args:
            stages: Before layer 1 and after each layer; the first and the last one are read.
            assigned: Of each stage.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            compiled: Of the taxonomy branch.
            supervise_score: Add the loss of the category scores.

        Returns:
            As of `forward`.
        """
        losses = {}
        if self.taxonomy_loss != 'off':
            matches = assigned[0 if self.taxonomy_loss == 'own' else -1].matches
            losses['loss_taxonomy'] = self.taxonomy_weight * self._class_loss(
                stages[0].class_logits, targets, matches, space)
        labels = [target.labels for target in targets]
        if supervise_score:
            losses['loss_score'] = self.score_weight * score_loss(
                compiled.score_logits, labels, space.vocabulary)
        losses['taxonomy_recall'] = taxonomy_recall(compiled.indices, compiled.padding, labels)
        return losses

    @torch.no_grad()
    def _assign(self, stage: StagePrediction, targets: Sequence[ClipTarget], space: LabelSpace,
                class_logits: Tensor, index: int) -> Assignment:
        """Match one stage and choose the points of its mask losses."""
        masks = [stage.masks(clip) for clip in range(len(targets))]
        matches = self.match(masks, targets, space, class_logits, index)
        logits = torch.cat([
            clip_masks[:, queries].transpose(0, 1).flatten(0, 1)
            for clip_masks, (queries, _) in zip(masks, matches)
        ])[:, None].float()
        points = uncertain_points(logits, self.num_points, self.oversample_ratio,
                                  self.importance_sample_ratio)
        instances = torch.cat([
            target.masks[instances].flatten(0, 1)
            for target, (_, instances) in zip(targets, matches)
        ])[:, None]
        return Assignment(matches, points, sample_points(instances, points)[:, 0])

    @torch.no_grad()
    def match(self, masks: Sequence[Tensor], targets: Sequence[ClipTarget], space: LabelSpace,
              class_logits: Tensor, stage: int) -> Matches:
        """Match every clip of the batch.

        Args:
            masks: Per clip, mask logits (T, Q, H, W).
            targets: Of the B clips.
            space: Vocabularies of the clips.
            class_logits: (B, Q, K + 1) for the class cost.
            stage: Index of the stage, for criteria that remember its matches.

        Returns:
            Query and instance indices per clip.
        """
        probabilities = matching_probabilities(class_logits, space, self.label_space_loss)
        return [
            self.matcher(probabilities[clip], masks[clip], target.labels, target.masks)
            for clip, target in enumerate(targets)
        ]

    def _num_instances(self, targets: Sequence[ClipTarget]) -> int:
        return sum(len(target.labels) for target in targets)

    def _num_masks(self, targets: Sequence[ClipTarget], repeats: int) -> float:
        count = torch.tensor([self._num_instances(targets)], dtype=torch.float32,
                             device=targets[0].labels.device)
        all_reduce(count)
        return max(count.item() / get_world_size(), repeats)

    def _class_loss(self, class_logits: Tensor, targets: Sequence[ClipTarget], matches: Matches,
                    space: LabelSpace) -> Tensor:
        labels = torch.full(
            class_logits.shape[:2], class_logits.shape[-1] - 1, dtype=torch.int64,
            device=class_logits.device)
        for row, target, (queries, instances) in zip(labels, targets, matches):
            row[queries] = target.labels[instances]
        return classification_loss(
            class_logits, labels, self.no_object_weight, space, self.label_space_loss)

    def _mask_losses(self, stages: Sequence[StagePrediction],
                     assigned: Sequence[Assignment],
                     num_masks: float) -> list[tuple[Tensor, Tensor]]:
        """Both losses of each stage, over one row per matched instance, or instance and frame."""
        logits = []  # per clip (S, n * T, H, W)
        for clip in range(len(assigned[0].matches)):
            masks = joint_masks(
                stages, clip, [assignment.matches[clip][0] for assignment in assigned])
            logits.append(masks.unflatten(0, (len(stages), -1)).flatten(1, 2))
        logits = torch.cat(logits, dim=1).flatten(0, 1)[:, None].float()
        if not len(logits):
            # nothing matched: a zero that keeps every parameter in the graph
            return [(logits.sum(), logits.sum())] * len(stages)
        predicted = sample_points(
            logits, torch.cat([assignment.points for assignment in assigned]))[:, 0]
        labels = torch.stack([assignment.labels for assignment in assigned])
        predicted = predicted.view_as(labels)
        if self.join_frames:
            frames = masks.shape[1]
            predicted, labels = (
                rows.unflatten(1, (-1, frames)).flatten(2) for rows in (predicted, labels))
        return [(point_bce_loss(rows, wanted, num_masks), point_dice_loss(rows, wanted, num_masks))
                for rows, wanted in zip(predicted, labels)]


def _last_first(stages: Sequence[StagePrediction]) -> list[int]:
    """The order in which stages are matched and random points drawn, as in the official code."""
    return [len(stages) - 1, *range(len(stages) - 1)]
