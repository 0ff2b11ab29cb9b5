"""Plain data for checkpoints: what ``torch.load(weights_only=True)`` takes, and nothing else.

mmengine stores its log history as objects of a class of its own, which makes a resume unpickle
arbitrary code. Here it becomes tensors and numbers on the way to disk and objects again on the way
back.
"""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_HISTORY = ('log_history', 'count_history', 'max_length')


def to_plain(value: Any, where: str = 'checkpoint') -> Any:
    """Convert to tensors (on the CPU), numbers, strings, None and containers of those.

    Args:
        value: What is to be stored; NumPy arrays and scalars, paths, mappings, history buffers and
            the usual containers are converted.
        where: Name of the value, for the error.

    Returns:
        The value as plain data.

    Raises:
        TypeError: There is something else inside; the message tells where.
    """
    if isinstance(value, HistoryBuffer):
        log, count = (torch.as_tensor(part, dtype=torch.float64) for part in value.data)
        return dict(zip(_HISTORY, (log, count, value.max_length)))
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if value is None or type(value) in (bool, int, float, complex, str, bytes, torch.dtype):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy()) if value.dtype.kind in 'biuf' else value.tolist()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return _plain_mapping(value, where)
    if isinstance(value, (set, frozenset)):
        return {to_plain(item, where) for item in value}
    if isinstance(value, tuple):
        return tuple(to_plain(item, f'{where}[{i}]') for i, item in enumerate(value))
    if hasattr(value, '__iter__') and hasattr(value, '__len__'):
        return [to_plain(item, f'{where}[{i}]') for i, item in enumerate(value)]
    raise TypeError(
        f'{where} is a {type(value).__module__}.{type(value).__qualname__}; checkpoints hold '
        'tensors, numbers, strings and containers of those only'
    )


def _plain_mapping(value: Mapping, where: str) -> dict:
    items = ((key, to_plain(item, f"{where}['{key}']")) for key, item in value.items())
    if not isinstance(value, OrderedDict):
        return dict(items)
    plain = OrderedDict(items)
    if hasattr(value, '_metadata'):  # versions of the modules of a state dict
        plain._metadata = to_plain(value._metadata, f'{where}._metadata')
    return plain


def restore_history(message_hub: dict) -> dict:
    """Turn the log history of a stored message hub back into mmengine's objects.

    Args:
        message_hub: ``checkpoint['message_hub']`` as read from a file.

    Returns:
        What ``MessageHub.load_state_dict`` takes.
    """
    scalars = {
        name: HistoryBuffer(
            history['log_history'].tolist(),
            history['count_history'].tolist(),
            history['max_length'],
        )
        if isinstance(history, dict)
        else history
        for name, history in message_hub['log_scalars'].items()
    }
    return {**message_hub, 'log_scalars': scalars}
