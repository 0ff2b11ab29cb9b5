"""The set criterion of Mask2Former-VIS with the taxonomy terms of TMT-VIS."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from mmtmt.models.losses.label_space import (
    LABEL_SPACE_LOSSES,
    LabelSpace,
    classification_loss,
    matching_probabilities,
)
from mmtmt.models.losses.mask_losses import point_bce_loss, point_dice_loss
from mmtmt.models.losses.point_sampling import (
    PointDraws,
    draw_points,
    sample_points,
    uncertain_points,
)
from mmtmt.models.losses.stage_prediction import StagePrediction, joint_masks
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.losses.taxonomy_losses import score_loss, taxonomy_recall
from mmtmt.models.outputs import CompiledTaxonomy
from mmtmt.models.task_modules.hungarian_matcher import solve
from mmtmt.models.task_modules.match_costs import collect_finite
from mmtmt.models.utils.transfer import to_device
from mmtmt.registry import MODELS, TASK_UTILS

TAXONOMY_LOSSES = ('off', 'final', 'own', 'cost')
Matches = list[tuple[Tensor, Tensor]]  # per clip: query indices, instance indices


@dataclass
class Assignment:
    """What is settled about a stage without gradients.

    Attributes:
        matches: Query and instance indices per clip.
        draws: Random points for the mask losses, a map per matched instance of all clips and
            frame; None once the mask losses have chosen theirs, or where none are asked for.
    """

    matches: Matches
    draws: PointDraws | None


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
        if not no_object_weight > 0:  # a batch without objects would have no weight at all
            raise ValueError(
                f'criterion.no_object_weight: expected more than 0, got {no_object_weight}')
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
                supervise_score: bool = False,
                labels: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            stages: Before layer 1 and after each layer.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            compiled: Of the taxonomy branch.
            supervise_score: Add the loss of the category scores.
            labels: Of `taxonomy_losses`.

        Returns:
            `loss_cls`, `loss_mask`, `loss_dice` of the last stage, the same
            with prefix `d0.`, `d1.`, ... of the others; with a taxonomy branch `loss_taxonomy`,
            `loss_score` and the figure `taxonomy_recall`.
        """
        assigned = self.assign(stages, targets, space)
        losses = self.set_losses(stages, assigned, targets, space)
        if compiled is not None:
            losses.update(self.taxonomy_losses(
                stages, assigned, targets, space, compiled, supervise_score, labels))
        return losses

    @torch.no_grad()
    def assign(self, stages: Sequence[StagePrediction], targets: Sequence[ClipTarget],
               space: LabelSpace, for_losses: bool = True) -> list[Assignment]:
        """Match every stage and draw the points of its mask losses.

        What each stage needs of random points is known beforehand, so that they are drawn in the
        order of the official code and the costs of all stages still come to the CPU in one copy.

        Args:
            stages: Before layer 1 and after each layer.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            for_losses: Whether `set_losses` follows, which needs the points.

        Returns:
            Of each stage.
        """
        order = _last_first(stages)
        points, draws = [], {}
        for index in order:
            points.append(self._draw_matching_points(stages[index], targets))
            draws[index] = (
                self._draw_loss_points(stages[index], targets, index) if for_losses else None)
        sought = [self.sought(target, len(stages), clip) for clip, target in enumerate(targets)]
        costs = iter(collect_finite(self._costs(stages, targets, sought, space, points)))
        matches = []
        for index in order:
            matches += self.match([_in_columns(next(costs), target, columns)
                                   for target, columns in zip(targets, sought)], targets, index)
        parts = iter(to_device([part for pair in matches for part in pair],
                               stages[0].class_logits.device))
        assigned = {index: Assignment([(next(parts), next(parts)) for _ in targets], draws[index])
                    for index in order}
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
            targets, self._num_masks(targets, repeats))
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
                        compiled: CompiledTaxonomy, supervise_score: bool,
                        labels: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
        """Losses and recall of the taxonomy branch.

        Args:
            stages: Before layer 1 and after each layer; the first and the last one are read.
            assigned: Of each stage.
            targets: Of the B clips.
            space: Vocabularies of the clips.
            compiled: Of the taxonomy branch.
            supervise_score: Add the loss of the category scores.
            labels: Per clip what its taxonomy was compiled from shows; by default what it shows
                itself.

        Returns:
            As of `forward`.
        """
        losses = {}
        if self.taxonomy_loss != 'off':
            matches = assigned[0 if self.taxonomy_loss == 'own' else -1].matches
            losses['loss_taxonomy'] = self.taxonomy_weight * self._class_loss(
                stages[0].class_logits, targets, matches, space)
        if labels is None:
            labels = [target.labels for target in targets]
        if supervise_score:
            losses['loss_score'] = self.score_weight * score_loss(
                compiled.score_logits, labels, space.vocabulary)
        losses['taxonomy_recall'] = taxonomy_recall(compiled.indices, compiled.padding, labels)
        return losses

    def _draw_matching_points(self, stage: StagePrediction,
                              targets: Sequence[ClipTarget]) -> list[Tensor]:
        return [self.matcher.draw_points(stage.class_logits.device) for _ in targets]

    def _draw_loss_points(self, stage: StagePrediction, targets: Sequence[ClipTarget],
                          index: int) -> PointDraws:
        queries = stage.class_logits.shape[1]
        num_maps = sum(
            self.num_matches(target, queries, index, clip) * target.masks.shape[1]
            for clip, target in enumerate(targets))
        return draw_points(num_maps, self.num_points, self.oversample_ratio,
                           self.importance_sample_ratio, stage.class_logits.device)

    def _costs(self, stages: Sequence[StagePrediction], targets: Sequence[ClipTarget],
               sought: Sequence[Tensor | None], space: LabelSpace,
               points: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Costs (Q, n) of the instances sought, stage after stage, in each clip after clip."""
        labels, masks = [], []
        for clip, (target, chosen) in enumerate(zip(targets, sought)):
            chosen = slice(None) if chosen is None else chosen.to(target.labels.device)
            labels.append(target.labels[chosen])
            maps = target.masks[chosen]
            # at the points of all stages at once, which read the same masks
            joint = torch.cat([clips[clip] for clips in points])
            read = sample_points(maps.flatten(0, 1)[:, None], joint[None])
            masks.append(read.view(*maps.shape[:2], len(points), -1).unbind(2) if len(maps) else ())
        costs = []
        for place, index in enumerate(_last_first(stages)):
            by_class = 0 if place == 0 and self.taxonomy_loss == 'cost' else index
            probabilities = matching_probabilities(
                stages[by_class].class_logits, space, self.label_space_loss)
            for clip, wanted in enumerate(labels):
                if not len(wanted):
                    costs.append(probabilities.new_zeros(probabilities.shape[1], 0))
                    continue
                logits = stages[index].masks_at(clip, points[place][clip])
                costs.append(self.matcher.costs(
                    probabilities[clip], logits, wanted, masks[clip][place].flatten(1)))
        return costs

    def num_matches(self, target: ClipTarget, queries: int, stage: int, clip: int) -> int:
        """How many pairs the matching of a clip will have.

        Args:
            target: Of the clip.
            queries: Q.
            stage: Index of the stage.
            clip: Index of the clip.

        Returns:
            The number.
        """
        return min(queries, len(target.labels))

    def sought(self, target: ClipTarget, stages: int, clip: int) -> Tensor | None:
        """The instances of a clip whose costs are needed.

        Args:
            target: Of the clip.
            stages: Number of stages.
            clip: Index of the clip.

        Returns:
            Their indices on the CPU, None for all.
        """
        return None

    def match(self, costs: Sequence[Tensor], targets: Sequence[ClipTarget],
              stage: int) -> Matches:
        """Match every clip of the batch, on the CPU.

        Args:
            costs: Per clip, (Q, N), zero where they were not needed.
            targets: Of the B clips.
            stage: Index of the stage, for criteria that remember its matches.

        Returns:
            Query and instance indices per clip.
        """
        return [solve(clip) for clip in costs]

    def _num_instances(self, targets: Sequence[ClipTarget]) -> int:
        return sum(len(target.labels) for target in targets)

    def _num_masks(self, targets: Sequence[ClipTarget], repeats: int) -> Tensor:
        # filled there: a copy of a number would wait for the device
        count = targets[0].labels.new_full(
            (), self._num_instances(targets), dtype=torch.float32)
        all_reduce(count)
        return (count / get_world_size()).clamp(min=repeats)

    def _class_loss(self, class_logits: Tensor, targets: Sequence[ClipTarget], matches: Matches,
                    space: LabelSpace) -> Tensor:
        labels = torch.full(
            class_logits.shape[:2], class_logits.shape[-1] - 1, dtype=torch.int64,
            device=class_logits.device)
        for row, target, (queries, instances) in zip(labels, targets, matches):
            row[queries] = target.labels[instances]
        return classification_loss(
            class_logits, labels, self.no_object_weight, space, self.label_space_loss)

    def _mask_losses(self, stages: Sequence[StagePrediction], assigned: Sequence[Assignment],
                     targets: Sequence[ClipTarget],
                     num_masks: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Both losses of each stage, over one row per matched instance, or instance and frame."""
        if len({tuple(len(queries) for queries, _ in one.matches) for one in assigned}) > 1:
            # more instances than queries over the clips of a video: stages gave them away apart
            return [self._mask_losses([stage], [one], targets, num_masks)[0]
                    for stage, one in zip(stages, assigned)]
        logits = []  # per clip (S, n * T, H, W)
        for clip in range(len(targets)):
            masks = joint_masks(
                stages, clip, [assignment.matches[clip][0] for assignment in assigned])
            logits.append(masks.unflatten(0, (len(stages), -1)).flatten(1, 2))
        logits = torch.cat(logits, dim=1)[:, :, None].float()  # (S, R, 1, H, W)
        if not logits.shape[1]:
            # nothing matched: a zero that keeps every parameter in the graph
            return [(logits.sum(), logits.sum())] * len(stages)
        points, labels = zip(*(
            self._loss_points(rows.detach(), assignment, targets)
            for rows, assignment in zip(logits, assigned)))
        labels = torch.stack(labels)
        predicted = sample_points(logits.flatten(0, 1), torch.cat(points)).view_as(labels)
        if self.join_frames:
            frames = targets[0].masks.shape[1]
            predicted, labels = (
                rows.unflatten(1, (-1, frames)).flatten(2) for rows in (predicted, labels))
        return [(point_bce_loss(rows, wanted, num_masks), point_dice_loss(rows, wanted, num_masks))
                for rows, wanted in zip(predicted, labels)]

    @staticmethod
    def _loss_points(logits: Tensor, assignment: Assignment,
                     targets: Sequence[ClipTarget]) -> tuple[Tensor, Tensor]:
        """Choose points (R, P, 2) of a stage's rows; also the instances' masks (R, P) there."""
        # let go of the candidates: they are more numbers than the masks that they lie in
        draws, assignment.draws = assignment.draws, None
        points = uncertain_points(logits, draws)
        instances = torch.cat([
            target.masks[chosen].flatten(0, 1)
            for target, (_, chosen) in zip(targets, assignment.matches)
        ])[:, None]
        return points, sample_points(instances, points)[:, 0]


def _in_columns(costs: Tensor, target: ClipTarget, columns: Tensor | None) -> Tensor:
    """Costs (Q, n) of some instances as (Q, N)."""
    if columns is None:
        return costs
    return costs.new_zeros(len(costs), len(target.labels)).index_copy_(1, columns, costs)


def _last_first(stages: Sequence[StagePrediction]) -> list[int]:
    """The order in which stages are matched and random points drawn, as in the official code."""
    return [len(stages) - 1, *range(len(stages) - 1)]
