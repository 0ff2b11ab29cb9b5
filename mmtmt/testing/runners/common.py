"""What several runners need."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from mmtmt.models.converters import convert_official, infer_architecture, normalise_weights
from mmtmt.models.losses import set_criterion
from mmtmt.models.losses.point_sampling import PointDraws, sample_points
from mmtmt.registry import MODELS

from ..fixture import Fixture


def converted_weights(fixture: Fixture) -> dict[str, Tensor]:
    """The fixture's weights by way of the checkpoint converter.

    Args:
        fixture: Holds official weights.

    Returns:
        Tensors by this package's keys.

    Raises:
        ValueError: The converter doesn't know some of the keys.
    """
    state, _ = normalise_weights(fixture.weights())
    conversion = convert_official(state)
    if conversion.unexpected:
        raise ValueError(f'the converter does not know {conversion.unexpected[:3]}')
    return conversion.state


def build_component(name: str, state: dict[str, Tensor], **overrides) -> nn.Module:
    """Build one component in the size of its weights, and load them strictly.

    Args:
        name: 'backbone', 'pixel_decoder' or 'decoder'.
        state: Converted weights of the whole model.
        **overrides: Config values that no shape tells.

    Returns:
        The module.
    """
    config = infer_architecture(state)[name]
    module = MODELS.build({**config, **overrides})
    prefix = f'{name}.'
    module.load_state_dict(
        {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
    )
    return module


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients."""
    for module in modules:
        module.eval()
    with torch.no_grad():
        yield


@contextmanager
def recording(owner: Any, name: str) -> Iterator[list]:
    """Note what a function of a module or an object returns, without changing it.

    Args:
        owner: Where the function is looked up when it is called.
        name: Its name there.

    Yields:
        The values returned so far.
    """
    original, returned = getattr(owner, name), []

    def spy(*args: Any, **kwargs: Any) -> Any:
        value = original(*args, **kwargs)
        returned.append(value)
        return value

    with mock.patch.object(owner, name, spy):
        yield returned


@contextmanager
def recording_points() -> Iterator[list[Tensor]]:
    """Note the points that a set criterion chooses, in the official order: least certain first.

    Yields:
        The points (N, P, 2) chosen so far.
    """
    original, returned = set_criterion.uncertain_points, []

    def spy(logits: Tensor, draws: PointDraws) -> Tensor:
        points = original(logits, draws)
        returned.append(least_certain_first(logits, points, draws))
        return points

    with mock.patch.object(set_criterion, 'uncertain_points', spy):
        yield returned


def least_certain_first(logits: Tensor, points: Tensor, draws: PointDraws) -> Tensor:
    """Sort the points that were chosen for their uncertainty.

    Args:
        logits: (N, 1, H, W).
        points: (N, P, 2) of `uncertain_points`.
        draws: What they were chosen from.

    Returns:
        (N, P, 2).
    """
    count = points.shape[1] - draws.anywhere.shape[1]
    order = sample_points(logits, points[:, :count])[:, 0].abs().argsort(dim=1)
    chosen = points[:, :count].gather(1, order[..., None].expand(-1, -1, 2))
    return torch.cat((chosen, points[:, count:]), dim=1)
