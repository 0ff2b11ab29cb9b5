"""Moving class rows between unions of different categories or order."""
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# tensors with a row per category; those of a softmax have a last row for no object
_SOFTMAX_ROWS = r'(head\.cls_embed|auxiliary_head\.classifier)\.(weight|bias)$'
_SIGMOID_ROWS = r'(bbox_head\.cls_branches\.\d+|taxonomy_head)\.(weight|bias)$'


class RowReport(NamedTuple):
    """What became of the class rows.

    Attributes:
        kept: Keys whose row was taken over.
        new: Keys that the checkpoint lacks; they keep their fresh row.
        dropped: Keys of the checkpoint that the model has no row for.
        tensors: Names of the tensors that have such rows.
    """

    kept: list[str]
    new: list[str]
    dropped: list[str]
    tensors: list[str]


def is_class_tensor(name: str) -> bool:
    """Whether a tensor has a row per category.

    Args:
        name: Of a model or checkpoint.

    Returns:
        Whether its name is that of one.
    """
    return re.search(f'{_SOFTMAX_ROWS}|{_SIGMOID_ROWS}', name) is not None


def remap_class_rows(state_dict: dict[str, Tensor], model_state: dict[str, Tensor],
                     old_keys: Sequence[str], new_keys: Sequence[str]) -> RowReport:
    """Reorder a checkpoint's class rows, in place, to the model's union.

    The no-object row, where there is one, comes last on both sides and is taken over. Text
    classifiers have no rows, and rows of a classifier that the model lacks stay as they are.

    Args:
        state_dict: The checkpoint's; changed.
        model_state: The model's own, for the rows of new categories.
        old_keys: Category keys in the order of the checkpoint's rows.
        new_keys: Category keys in the order of the model's rows.

    Returns:
        Which categories were kept, are new, were dropped.

    Raises:
        ValueError: If a class tensor has another number of rows than there are keys.
    """
    position = {key: row for row, key in enumerate(old_keys)}
    shared = [(row, position[key]) for row, key in enumerate(new_keys) if key in position]
    tensors = []
    for name, rows in state_dict.items():
        softmax = re.search(_SOFTMAX_ROWS, name)
        match = softmax or re.search(_SIGMOID_ROWS, name)
        if match is None:
            continue
        others = 1 if softmax else 0
        if len(rows) != len(old_keys) + others:
            raise ValueError(f'{name}: expected {len(old_keys)} categories'
                             f'{" and no-object" if softmax else ""}, got {len(rows)} rows')
        fresh = _fresh_rows(name, match[0], model_state, len(new_keys) + others)
        if fresh is None:
            continue
        pairs = shared + [(len(new_keys), len(old_keys))] * others
        targets, sources = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).unbind(1)
        remapped = fresh.detach().to(rows).clone()
        remapped[targets] = rows[sources]
        state_dict[name] = remapped
        tensors.append(name)
    new = set(new_keys)
    return RowReport(
        kept=[key for key in new_keys if key in position],
        new=[key for key in new_keys if key not in position],
        dropped=[key for key in old_keys if key not in new],
        tensors=tensors)


def _fresh_rows(name: str, suffix: str, model_state: dict[str, Tensor],
                num_rows: int) -> Tensor | None:
    """The model's rows of that name; a plain decoder's rows may move into a wrapping one."""
    part = name.partition('.')[0] + '.'
    for own, rows in model_state.items():
        if own.startswith(part) and own.endswith(suffix) and len(rows) == num_rows:
            return rows
    return None
