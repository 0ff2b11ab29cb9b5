"""Runners of VITA's criterion and of GenVIS' label assignment, on given predictions."""

from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor

from mmtmt.models.losses import LabelSpace, SimilarityInputs, TrackedTarget
from mmtmt.models.losses.vita_criterion import VITACriterion
from mmtmt.registry import MODELS

from ..fixture import Difference, Fixture, close, exact
from ..golden import register
from .common import recording, recording_points
from .mask2former_criterion import GivenPrediction, compare_matches

LOSS_NAMES = {
    'ce': 'loss_cls',
    'mask': 'loss_mask',
    'dice': 'loss_dice',
    'sim': 'loss_similarity',
}
PREDICTIONS = ('pred_logits', 'pred_masks', 'pred_cq_embed')


def own_clip_loss_name(official: str) -> str:
    """'loss_vita_ce' to 'loss_cls', 'loss_genvis_ce_0' to 'd0.loss_cls'."""
    _, _, kind, *stage = official.split('_')
    return ''.join(f'd{index}.' for index in stage) + LOSS_NAMES[kind]


def _build_criterion(fixture: Fixture, kind: str) -> VITACriterion:
    config = fixture.config
    weights = {
        name.removeprefix('loss_').partition('_')[2]: value
        for name, value in fixture.info['weights'].items()
    }
    return MODELS.build(
        dict(
            type=kind,
            num_points=config['num_points'],
            no_object_weight=config['no_object_weight'],
            class_weight=weights['ce'],
            mask_weight=weights['mask'],
            dice_weight=weights['dice'],
            similarity_weight=weights['sim'],
        )
    )


def _read_inputs(fixture: Fixture, prefix: str) -> dict[str, Tensor]:
    """The predictions of a clip, with gradients, by name."""
    names = [name for name in fixture.info['inputs'] if name.startswith(f'{prefix}pred_')]
    return {name: fixture.input(name).requires_grad_() for name in names}


def _read_stages(inputs: dict[str, Tensor], prefix: str) -> list[GivenPrediction]:
    """Per stage, what is given of L * B samples."""
    count = sum(name.startswith(f'{prefix}pred_logits_') for name in inputs)
    return [
        GivenPrediction(
            *(inputs[f'{prefix}{name}_{index}'].flatten(0, 1) for name in PREDICTIONS[:2])
        )
        for index in range(count)
    ]


def _read_targets(fixture: Fixture) -> list[TrackedTarget]:
    """The instances of each video, hidden in the frames where they have no id."""
    targets = []
    for clip in range(len(fixture.config['objects'])):
        shown = fixture.input(f'gt_ids_{clip}') >= 0
        masks = fixture.input(f'gt_masks_{clip}').float() * shown[:, :, None, None]
        targets.append(TrackedTarget(fixture.input(f'gt_labels_{clip}'), masks))
    return targets


def _frame_matches(
    fixture: Fixture, targets: list[TrackedTarget], frames: slice
) -> list[tuple[Tensor, Tensor]]:
    """The given matches of some frames, with indices into the instances of the video."""
    matches = []
    total = targets[0].masks.shape[1]
    for layer in range(fixture.config['L']):
        for clip, target in enumerate(targets):
            for frame in range(total)[frames]:
                queries, shown = fixture.input(f'frame_match_{layer}_{clip * total + frame}')
                present = target.visible[:, frame].nonzero().squeeze(1)
                matches.append((queries, present[shown]))
    return matches


def _similarity(
    inputs: dict[str, Tensor], prefix: str, matches: list[tuple[Tensor, Tensor]]
) -> SimilarityInputs:
    last = max(name for name in inputs if name.startswith(f'{prefix}pred_cq_embed_'))
    return SimilarityInputs(
        inputs[f'{prefix}pred_fq_embed'].flatten(0, 1), inputs[last].flatten(0, 1), matches
    )


def _compare_losses(
    fixture: Fixture, losses: dict[str, Tensor], names: list[str], stored: str
) -> Difference:
    weights = fixture.info['weights']
    unweighted = [
        losses[own_clip_loss_name(name)].item() / weights['_'.join(name.split('_')[:3])]
        for name in names
    ]
    return fixture.compare(stored, np.array(unweighted), absolute=1e-6)


def _vocabulary(fixture: Fixture, clips: int) -> LabelSpace:
    return LabelSpace(torch.ones(clips, fixture.config['num_classes'], dtype=torch.bool))


@register('vita_criterion')
def run_criterion(fixture: Fixture) -> list[Difference]:
    """Losses, matches, points and gradients of every stage."""
    criterion = _build_criterion(fixture, 'VITACriterion')
    inputs = _read_inputs(fixture, 'input_')
    stages = _read_stages(inputs, 'input_')
    targets = _read_targets(fixture)
    similarity = _similarity(inputs, 'input_', _frame_matches(fixture, targets, slice(None)))
    with ExitStack() as stack:
        stack.enter_context(fixture.replayed_rand())
        matches = stack.enter_context(recording(criterion, 'match'))
        points = stack.enter_context(recording_points())
        losses = criterion(stages, targets, _vocabulary(fixture, len(targets)), similarity)
    total = sum(losses.values())
    total.backward()
    return [
        *compare_matches(fixture, matches),
        *(
            fixture.compare(f'loss_points_{index}', value, absolute=1e-6, relative=0)
            for index, value in enumerate(points)
        ),
        _compare_losses(fixture, losses, fixture.info['loss_names'], 'losses'),
        close('total_weighted', total.item(), fixture.info['total_weighted'], 1e-6, 1e-4),
        *_compare_gradients(fixture, inputs),
    ]


def _compare_gradients(fixture: Fixture, inputs: dict[str, Tensor]) -> list[Difference]:
    differences = []
    for name, value in inputs.items():
        key = name.replace('input_', 'grad_', 1)
        if key in fixture:
            largest = float(np.abs(fixture.array(key)).max(initial=0.0))
            differences.append(fixture.compare(key, value.grad, absolute=1e-4 * largest))
    return differences


@register('genvis_assignment')
def run_assignment(fixture: Fixture) -> list[Difference]:
    """Matches and losses of the clips of videos, one clip after another."""
    config = fixture.config
    criterion = _build_criterion(fixture, 'GenVISCriterion')
    videos = _read_targets(fixture)
    space = _vocabulary(fixture, len(videos))
    differences = []
    with fixture.replayed_rand():
        for clip in range(config['clips']):
            prefix = f'input_clip{clip}_'
            frames = slice(clip * config['clip_length'], (clip + 1) * config['clip_length'])
            inputs = _read_inputs(fixture, prefix)
            targets = [video.select_frames(frames) for video in videos]
            similarity = _similarity(inputs, prefix, _frame_matches(fixture, videos, frames))
            with recording(criterion, 'match') as matches:
                losses = criterion(_read_stages(inputs, prefix), targets, space, similarity)
            names = fixture.info['loss_names'][f'clip{clip}']
            differences.append(_compare_losses(fixture, losses, names, f'clip{clip}_losses'))
            differences += _compare_assignment(fixture, f'clip{clip}', targets, matches)
    return differences


def _compare_assignment(
    fixture: Fixture, prefix: str, targets: list[TrackedTarget], stages: list
) -> list[Difference]:
    """Compare the queries of the instances that a clip shows, and which those are."""
    differences = [
        exact(
            f'{prefix}_valid_{index}',
            target.visible.any(1).numpy(),
            fixture.array(f'{prefix}_valid_{index}'),
        )
        for index, target in enumerate(targets)
    ]
    for stage, samples in enumerate(stages):
        for sample, (queries, instances) in enumerate(samples):
            name = f'{prefix}_match_{stage}_{sample}'
            stored = fixture.array(name)
            shown = np.isin(stored[1], instances.numpy())
            found = torch.stack((queries, instances)).numpy()
            differences.append(exact(name, found, stored[:, shown]))
    return differences
