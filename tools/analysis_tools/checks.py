"""Assertions of the benchmark: both sides compute the same."""
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import sides
import torch
import torch.nn.functional as F
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from pycocotools import mask as mask_api
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.stage_prediction import EmbeddedPrediction
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.registry import MODELS
from mmtmt.structures.tubes import Tube

STAGES = 10
QUERIES = 100
CHANNELS = 256
Prediction = tuple[Tensor, Tensor, list[Tube]]


def assert_same_prediction(mine: Prediction, other: Prediction) -> None:
    """The same ten results: scores, labels and, but for single pixels, masks."""
    torch.testing.assert_close(mine[0], other[0], rtol=1e-3, atol=1e-4)
    if mine[1].tolist() != other[1].tolist():
        raise AssertionError(f'labels differ: {mine[1].tolist()} and {other[1].tolist()}')
    for rank, (tube, reference) in enumerate(zip(mine[2], other[2])):
        for t, pair in enumerate(zip(tube, reference)):
            overlap = _overlap(*pair)
            if overlap < 0.999:
                raise AssertionError(f'result {rank}, frame {t}: masks overlap by {overlap:.4f}')


def _overlap(mask: dict | None, reference: dict | None) -> float:
    if mask is None or reference is None:
        return float(mask is reference)
    return float(mask_api.iou([mask], [reference], [0])[0, 0])


def total(losses: dict[str, Tensor]) -> Tensor:
    """Sum of the losses, without figures that are only logged."""
    return sum(value.sum() for name, value in losses.items() if 'loss' in name)


def matcher_of_theirs() -> dict:
    """Costs of mmdet's config, which do not follow the weights of the losses."""
    return dict(type='VideoHungarianMatcher', mask_cost=5.0)


@contextmanager
def same_points(stages: list[int]) -> Iterator[None]:
    """Give a stage the same random points whichever stage comes first.

    Args:
        stages: The stages in the order in which the side under test draws their points, three
            times each (one clip): for the matcher, candidates, further points.
    """
    drawn = []

    def rand(*size: Any, **kwargs: Any) -> Tensor:
        shape = size[0] if not isinstance(size[0], int) else size
        stage, call = stages[len(drawn) // 3], len(drawn) % 3
        drawn.append(shape)
        seed = torch.Generator().manual_seed(10 * stage + call)
        return torch.empty(tuple(shape)).uniform_(generator=seed)

    with mock.patch.object(torch, 'rand', rand):
        yield
    if len(drawn) != 3 * len(stages):
        raise AssertionError(f'points were drawn {len(drawn)} times, expected {3 * len(stages)}')


def assert_same_training(ours: 'sides.Ours', theirs: 'sides.Theirs', clip: np.ndarray,
                         masks: np.ndarray) -> None:
    """The same losses by name, and the same gradients."""
    last = STAGES - 1
    with same_points([last, *range(last)]):
        mine = ours.losses(ours.prepare(clip, masks))
    with same_points([*range(STAGES)]):
        reference = theirs.losses(theirs.prepare(clip, masks))
    assert_same_losses(mine, reference)
    for losses in (mine, reference):
        total(losses).backward()
    state = {name: parameter.grad for name, parameter in ours.model.named_parameters()
             if parameter.grad is not None}
    renamed = sides.convert_to_mmdet(state).state
    for name, parameter in theirs.model.named_parameters():
        if parameter.grad is None:
            continue
        scale = parameter.grad.norm()
        difference = (renamed[name] - parameter.grad).norm()
        if not difference <= 1e-2 * scale + 1e-3:
            raise AssertionError(f'gradients of {name} differ by {difference:.3g} of {scale:.3g}')


def assert_same_losses(mine: dict[str, Tensor], reference: dict[str, Tensor]) -> None:
    """Each loss by name."""
    for name, value in reference.items():
        torch.testing.assert_close(mine[name].detach(), value.detach().squeeze(), rtol=2e-3,
                                   atol=1e-4, msg=lambda text, name=name: f'{name}: {text}')


class LossCase:
    """Decoder outputs of all stages, for matching and losses alone.

    Both sides start from class logits, mask embeddings and mask features, since when they make
    masks of them is part of what differs: mmdet all of every stage, ours those that are needed.

    Args:
        frames: T.
        size: Height and width in pixels, before padding to a multiple of 32.
    """

    def __init__(self, frames: int, size: tuple[int, int]) -> None:
        height, width = (-(-length // 32) * 32 for length in size)
        generator = torch.Generator().manual_seed(0)
        self.logits = torch.randn(STAGES, 1, QUERIES, 41, generator=generator)
        self.embeds = torch.randn(STAGES, 1, QUERIES, CHANNELS, generator=generator)
        # smooth in space, so that masks are
        coarse = torch.randn(frames, CHANNELS, height // 32, width // 32, generator=generator)
        self.features = F.interpolate(
            coarse, size=(height // 4, width // 4), mode='bicubic')[None] * 0.3
        masks = torch.from_numpy(sides.make_masks(frames, *size))
        self.masks = F.pad(masks, (0, width - size[1], 0, height - size[0]))
        self.labels = torch.tensor(sides.LABELS)
        self.criterion = MODELS.build(dict(
            type='VideoSetCriterion', mask_weight=5.0 * frames, matcher=matcher_of_theirs()))
        self.head = self._build_head(frames)

    @staticmethod
    def _build_head(frames: int) -> torch.nn.Module:
        config = sides.mmdet_config().track_head
        config.num_frames = frames
        with DefaultScope.overwrite_default_scope('mmdet'):
            return MMDET_MODELS.build(config)

    def _leaves(self) -> list[Tensor]:
        return [x.detach().requires_grad_() for x in (self.logits, self.embeds, self.features)]

    def run_ours(self) -> dict[str, Tensor]:
        """Losses and all their gradients; features as our pixel decoder lays them out."""
        logits, embeds, features = self._leaves()
        last = features[0].contiguous(memory_format=torch.channels_last)[None].unbind()
        stages = [EmbeddedPrediction(*pair, last) for pair in zip(logits, embeds)]
        target = ClipTarget(self.labels, self.masks.float())
        space = LabelSpace(torch.ones(1, self.logits.shape[-1] - 1, dtype=torch.bool))
        losses = self.criterion(stages, [target], space)
        total(losses).backward()
        return losses

    def run_theirs(self) -> dict[str, Tensor]:
        """Losses and all their gradients."""
        logits, embeds, features = self._leaves()
        masks = [torch.einsum('bqc,btchw->bqthw', stage, features) for stage in embeds]
        target = InstanceData(labels=self.labels, masks=self.masks.long())
        with DefaultScope.overwrite_default_scope('mmdet'):
            losses = self.head.loss_by_feat(list(logits), masks, [target], [{}])
        total(losses).backward()
        return losses

    def assert_same(self) -> None:
        """The same losses by name."""
        last = STAGES - 1
        with same_points([last, *range(last)]):
            mine = self.run_ours()
        with same_points([*range(STAGES)]):
            reference = self.run_theirs()
        assert_same_losses(mine, reference)
