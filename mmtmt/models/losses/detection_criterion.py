"""The losses of IDOL on pairs of a key and a reference frame, with the taxonomy terms of TMT."""
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from mmtmt.models.losses.contrastive import contrastive_losses
from mmtmt.models.losses.focal_losses import class_focal_loss, mask_focal_loss
from mmtmt.models.losses.label_space import LABEL_SPACE_LOSSES, LabelSpace
from mmtmt.models.losses.mask_losses import point_dice_loss
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.losses.taxonomy_losses import score_loss, taxonomy_recall
from mmtmt.models.outputs import BoxPrediction, CompiledTaxonomy
from mmtmt.models.task_modules.contrast_selector import ContrastChoice
from mmtmt.models.task_modules.match_costs import FOCAL_ALPHA
from mmtmt.models.task_modules.ota_assigner import OTAMatch, collect_costs, pair_costs
from mmtmt.models.utils.boxes import giou_loss, relative_boxes
from mmtmt.models.utils.transfer import to_device
from mmtmt.registry import MODELS, TASK_UTILS

TAXONOMY_LOSSES = ('off', 'final')
MASK_STRIDE = 4


@dataclass
class PairTarget:
    """Ground truth of a key frame, and of what it shows in the reference frame.

    Attributes:
        labels: (N,) int64 in the union.
        boxes: (N, 4) in the key frame, centre form, fractions of the image.
        masks: (N, H, W) float in the key frame, padded like the batch.
        reference_boxes: (N, 4) in the reference frame.
        in_reference: (N,) bool on the CPU, whether the reference frame shows the object.
    """

    labels: Tensor
    boxes: Tensor
    masks: Tensor
    reference_boxes: Tensor
    in_reference: Tensor

    @classmethod
    def from_clip(cls, target: ClipTarget, sizes: Sequence[tuple[int, int]]) -> 'PairTarget':
        """Take the first frame of a clip as the key frame and drop what it doesn't show.

        Args:
            target: Of a clip of two frames, or of one, which has no reference frame.
            sizes: Height and width of each frame before padding.

        Returns:
            The pair's.
        """
        in_key, in_reference = target.visible[:, 0], target.visible[:, -1]
        if len(sizes) == 1:
            in_reference = torch.zeros_like(in_reference)
        chosen = in_key.nonzero().squeeze(1).to(target.labels.device)
        masks = target.masks[chosen]
        key, reference = masks[:, 0], masks[:, -1]
        return cls(target.labels[chosen], relative_boxes(key, sizes[0]), key,
                   relative_boxes(reference, sizes[-1]), in_reference[in_key])


@dataclass
class PairEmbeddings:
    """What the contrastive losses read of B pairs.

    Attributes:
        key_embeds: (B, Q, C) of the last layer in the key frames.
        embeds: (B, Q, C) of the last layer in the reference frames.
    """

    key_embeds: Tensor
    embeds: Tensor


Matches = list[list[OTAMatch]]  # per layer, per clip


@dataclass
class PairAssignment:
    """What is settled about B pairs without gradients.

    Attributes:
        matches: Of the key frames, per layer and pair.
        anchors: Per pair, (n,) int64 queries of the key frame, the best one of the last layer of
            each object that the reference frame shows.
        choices: Per pair, the queries of the reference frame for these objects.
    """

    matches: Matches
    anchors: list[Tensor]
    choices: list[ContrastChoice]


@MODELS.register_module()
class DetectionCriterion(nn.Module):
    """Class, box and mask losses of every decoder layer, and contrastive losses of the last.

    Each layer's losses are means over its matched queries, of which an object has several. They
    see the key frame alone.

    Args:
        class_weight: Weight of the focal class loss.
        focal_alpha: Weight of the positive entries in it.
        l1_weight: Weight of the L1 box loss.
        giou_weight: Weight of the generalised IoU box loss.
        mask_weight: Weight of the focal mask loss.
        dice_weight: Weight of the dice loss.
        reid_weight: Weight of the contrastive loss.
        reid_aux_weight: Weight of its auxiliary loss on cosines.
        label_space_loss: `union`, `masked` or `marginal`, see losses.focal_losses.
        taxonomy_loss: `final`, the focal loss of a classifier on the injected queries with the
            assignment of the last layer; `off`.
        taxonomy_weight: Its weight.
        score_weight: Weight of the score supervision.
        assigner: Config of the assigner.
        selector: Config of the choice of positives and negatives.
    """

    def __init__(self, *, class_weight: float = 2.0, focal_alpha: float = FOCAL_ALPHA,
                 l1_weight: float = 5.0, giou_weight: float = 2.0, mask_weight: float = 2.0,
                 dice_weight: float = 5.0, reid_weight: float = 2.0, reid_aux_weight: float = 3.0,
                 label_space_loss: str = 'union', taxonomy_loss: str = 'off',
                 taxonomy_weight: float = 0.5, score_weight: float = 0.5,
                 assigner: dict | None = None, selector: dict | None = None) -> None:
        super().__init__()
        for name, value, choices in (('label_space_loss', label_space_loss, LABEL_SPACE_LOSSES),
                                     ('taxonomy_loss', taxonomy_loss, TAXONOMY_LOSSES)):
            if value not in choices:
                raise ValueError(f'criterion.{name}: expected one of {choices}, got {value!r}')
        self.weights = dict(
            loss_cls=class_weight, loss_bbox=l1_weight, loss_giou=giou_weight,
            loss_mask=mask_weight, loss_dice=dice_weight, loss_reid=reid_weight,
            loss_reid_aux=reid_aux_weight)
        self.focal_alpha = focal_alpha
        self.label_space_loss = label_space_loss
        self.taxonomy_loss = taxonomy_loss
        self.taxonomy_weight = taxonomy_weight
        self.score_weight = score_weight
        self.assigner = TASK_UTILS.build(assigner or dict(type='OTAAssigner'))
        self.selector = TASK_UTILS.build(selector or dict(type='ContrastSelector'))

    @torch.no_grad()
    def assign(self, stages: Sequence[BoxPrediction], reference: BoxPrediction,
               targets: Sequence[PairTarget]) -> PairAssignment:
        """Assign queries of key frames to objects and choose what to contrast them with.

        The costs of all of it come to the CPU in one copy.

        Args:
            stages: After each layer, of B key frames.
            reference: After the last layer, of B reference frames.
            targets: Of the B pairs.

        Returns:
            The assignment.
        """
        device = reference.boxes.device
        logits = torch.stack([stage.class_logits for stage in stages])
        boxes = torch.stack([stage.boxes for stage in stages])
        costs = []
        for clip, target in enumerate(targets):
            shown = target.in_reference.nonzero().squeeze(1).to(device)
            costs += [
                pair_costs(logits[:, clip], boxes[:, clip], target.labels, target.boxes),
                pair_costs(reference.class_logits[clip], reference.boxes[clip],
                           target.labels[shown], target.reference_boxes[shown])]
        costs = collect_costs(costs)
        matches = [self.assigner(pairs) for pairs in costs[::2]]  # per pair and layer
        choices = [self.selector(pairs) for pairs in costs[1::2]]
        anchors = [layers[-1].best[target.in_reference]
                   for layers, target in zip(matches, targets)]
        indices = iter(to_device(
            [part for layers in zip(*matches) for match in layers for part in match] + anchors,
            device))
        masks = iter(to_device([mask for choice in choices for mask in choice], device))
        return PairAssignment(
            [[OTAMatch(*islice(indices, 3)) for _ in targets] for _ in stages], list(indices),
            [ContrastChoice(*islice(masks, 3)) for _ in targets])

    def forward(self, stages: Sequence[BoxPrediction], masks: Sequence[Tensor],
                embeddings: PairEmbeddings, targets: Sequence[PairTarget],
                assigned: PairAssignment, space: LabelSpace) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            stages: After each layer, of B key frames.
            masks: Per layer, (M, H, W) logits of stride 4 of the matched queries, pair after pair.
            embeddings: Of the last layer.
            targets: Of the B pairs.
            assigned: From `assign`.
            space: Vocabularies of the pairs.

        Returns:
            `loss_cls`, `loss_bbox`, `loss_giou`, `loss_mask` and `loss_dice` of the last layer,
            the same with prefix `d0.`, `d1.`, ... of the others, `loss_reid` and `loss_reid_aux`.
        """
        losses, matches, last = {}, assigned.matches, len(stages) - 1
        for index, stage in enumerate(stages):
            values = dict(
                loss_cls=self._class_loss(stage.class_logits, targets, matches[index], space),
                **self._box_losses(stage.boxes, targets, matches[index]),
                **self._mask_losses(masks[index], targets, matches[index]))
            prefix = '' if index == last else f'd{index}.'
            losses.update({f'{prefix}{name}': value for name, value in values.items()})
        keys = [embeds[chosen] for embeds, chosen in zip(embeddings.key_embeds, assigned.anchors)]
        losses['loss_reid'], losses['loss_reid_aux'] = contrastive_losses(
            keys, list(embeddings.embeds), assigned.choices)
        return {name: self.weights[name.split('.')[-1]] * value for name, value in losses.items()}

    def taxonomy_losses(self, compiled: CompiledTaxonomy, logits: Tensor | None, supervise: bool,
                        targets: Sequence[PairTarget], matches: Matches, space: LabelSpace,
                        labels: Sequence[Tensor]) -> dict[str, Tensor]:
        """Weighted losses of the taxonomy branch.

        Args:
            compiled: Of the key frames.
            logits: (B, Q, K) of the classifier on the injected queries; None without.
            supervise: Add the loss of the category scores.
            targets: Of the B pairs.
            matches: From `assign`, of the key frames.
            space: Vocabularies of the pairs.
            labels: Per pair what its taxonomy was compiled from shows.

        Returns:
            `loss_taxonomy`, `loss_score` and the figure `taxonomy_recall`.
        """
        losses = {}
        if logits is not None:
            losses['loss_taxonomy'] = self.taxonomy_weight * self._class_loss(
                logits, targets, matches[-1], space)
        if supervise:
            losses['loss_score'] = self.score_weight * score_loss(
                compiled.score_logits, labels, space.vocabulary)
        losses['taxonomy_recall'] = taxonomy_recall(compiled.indices, compiled.padding, labels)
        return losses

    def _class_loss(self, logits: Tensor, targets: Sequence[PairTarget],
                    matches: Sequence[OTAMatch], space: LabelSpace) -> Tensor:
        labels = torch.full(
            logits.shape[:2], logits.shape[-1], dtype=torch.int64, device=logits.device)
        for row, target, match in zip(labels, targets, matches):
            row[match.queries] = target.labels[match.objects]
        return class_focal_loss(logits, labels, space, self.label_space_loss, self.focal_alpha)

    @staticmethod
    def _box_losses(boxes: Tensor, targets: Sequence[PairTarget],
                    matches: Sequence[OTAMatch]) -> dict[str, Tensor]:
        predicted = torch.cat([boxes[clip, match.queries] for clip, match in enumerate(matches)])
        predicted = predicted.float()
        wanted = torch.cat([
            target.boxes[match.objects] for target, match in zip(targets, matches)])
        count = max(len(predicted), 1)
        return dict(loss_bbox=(predicted - wanted).abs().sum() / count,
                    loss_giou=giou_loss(predicted, wanted).sum() / count)

    @staticmethod
    def _mask_losses(masks: Tensor, targets: Sequence[PairTarget],
                     matches: Sequence[OTAMatch]) -> dict[str, Tensor]:
        offset = MASK_STRIDE // 2
        wanted = torch.cat([
            target.masks[match.objects, offset::MASK_STRIDE, offset::MASK_STRIDE]
            for target, match in zip(targets, matches)])
        masks = masks.float()
        return dict(
            loss_mask=mask_focal_loss(masks, wanted),
            loss_dice=point_dice_loss(masks.flatten(1), wanted.flatten(1), max(len(masks), 1)))
