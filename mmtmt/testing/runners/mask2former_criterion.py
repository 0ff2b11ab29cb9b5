"""Runner of the set criterion of Mask2Former-VIS on given predictions."""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmtmt.models.losses import ClipTarget, LabelSpace
from mmtmt.models.losses.stage_prediction import StagePrediction
from mmtmt.registry import MODELS

from ..fixture import Difference, Fixture, close
from ..golden import register
from .common import recording, recording_points

LOSS_NAMES = {'loss_ce': 'loss_cls', 'loss_mask': 'loss_mask', 'loss_dice': 'loss_dice'}


@dataclass
class GivenPrediction(StagePrediction):
    """A stage's prediction whose masks are given, not computed.

    Args:
        class_logits: (B, Q, K + 1).
        mask_logits: (B, Q, T, H, W).
    """

    class_logits: Tensor
    mask_logits: Tensor

    def masks(self, clip: int, queries: Tensor | None = None) -> Tensor:
        """(T, n, H, W) of one clip, for some queries or all."""
        masks = self.mask_logits[clip] if queries is None else self.mask_logits[clip][queries]
        return masks.transpose(0, 1)


def own_loss_name(official: str) -> str:
    """'loss_ce' to 'loss_cls', 'loss_ce_3' to 'd3.loss_cls'."""
    kind, _, stage = official.removeprefix('loss_').partition('_')
    name = LOSS_NAMES[f'loss_{kind}']
    return f'd{stage}.{name}' if stage else name


def compare_matches(
    fixture: Fixture, stages: list, prefix: str = 'match'
) -> list[Difference]:
    """Compare matches with the stored ones, pairs in the order of the queries.

    Args:
        fixture: Has ``<prefix>_<stage>_<clip>``, (2, pairs): queries above instances.
        stages: Per stage in the order of matching (the last one first), per clip, the pairs.
        prefix: What the stored names begin with.

    Returns:
        One difference per stage and clip.
    """
    stored = [name for name in fixture.info['arrays'] if name.startswith(f'{prefix}_')]
    found = {
        f'{prefix}_{j}_{b}': torch.stack([pair.cpu() for pair in pairs]).numpy()
        for j, clips in enumerate(stages)
        for b, pairs in enumerate(clips)
    }
    if set(stored) != set(found):
        raise ValueError(f'expected the matchings {sorted(stored)}, got {sorted(found)}')
    return [
        fixture.compare(name, pairs[:, np.argsort(pairs[0], kind='stable')])
        for name, pairs in found.items()
    ]


@register('m2f_video_criterion')
def run_criterion(fixture: Fixture) -> list[Difference]:
    """Losses, matches, points and gradients of every stage."""
    config, weights = fixture.config, fixture.info['weights']
    criterion = MODELS.build(
        dict(
            type='VideoSetCriterion',
            num_points=config['num_points'],
            oversample_ratio=config['oversample_ratio'],
            importance_sample_ratio=config['importance_sample_ratio'],
            no_object_weight=config['no_object_weight'],
            class_weight=weights['loss_ce'],
            mask_weight=weights['loss_mask'],
            dice_weight=weights['loss_dice'],
            matcher=dict(
                type='VideoHungarianMatcher',
                class_cost=config['cost_class'],
                mask_cost=config['cost_mask'],
                dice_cost=config['cost_dice'],
            ),
        )
    )
    stages = [
        GivenPrediction(
            *(
                fixture.input(f'input_{name}_{index}').requires_grad_()
                for name in ('pred_logits', 'pred_masks')
            )
        )
        for index in range(config['layers'])
    ]
    targets = [
        ClipTarget(
            fixture.input(f'gt_labels_{clip}'), fixture.input(f'gt_masks_{clip}').float()
        )
        for clip in range(len(config['objects']))
    ]
    space = LabelSpace(torch.ones(len(targets), config['num_classes'], dtype=torch.bool))
    with ExitStack() as stack:
        stack.enter_context(fixture.replayed_rand())
        matches = stack.enter_context(recording(criterion, 'match'))
        points = stack.enter_context(recording_points())
        losses = criterion(stages, targets, space)
    differences = compare_matches(fixture, matches)
    differences += [
        fixture.compare(f'loss_points_{index}', value, absolute=1e-6, relative=0)
        for index, value in enumerate(points)
    ]
    return (
        differences
        + _compare_losses(fixture, losses)
        + _compare_gradients(fixture, stages, sum(losses.values()))
    )


def _compare_losses(fixture: Fixture, losses: dict[str, Tensor]) -> list[Difference]:
    names, weights = fixture.info['loss_names'], fixture.info['weights']
    weight_of = {name: weights['_'.join(name.split('_')[:2])] for name in names}
    unweighted = [losses[own_loss_name(name)].item() / weight_of[name] for name in names]
    total = sum(losses.values()).item()
    return [
        fixture.compare('losses', np.array(unweighted), absolute=1e-6),
        close('total_weighted', total, fixture.info['total_weighted'], 1e-6, 1e-4),
    ]


def _compare_gradients(
    fixture: Fixture, stages: list[GivenPrediction], total: Tensor
) -> list[Difference]:
    total.backward()
    differences = []
    for index, stage in enumerate(stages):
        for name, value in (('pred_logits', stage.class_logits), ('pred_masks', stage.mask_logits)):
            gradient = torch.zeros_like(value) if value.grad is None else value.grad
            key = f'grad_{name}_{index}'
            largest = float(np.abs(fixture.array(key)).max(initial=0.0))
            differences.append(fixture.compare(key, gradient, absolute=1e-4 * largest))
    return differences
