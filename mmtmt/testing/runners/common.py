"""What several runners need."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from mmtmt.models.converters import convert_official, infer_architecture, normalise_weights
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
