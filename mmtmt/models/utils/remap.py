"""Moving class rows between unions of different categories or order."""
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

CLASS_ROW_SUFFIXES = (
    'head.cls_embed.weight', 'head.cls_embed.bias',
    'auxiliary_head.classifier.weight', 'auxiliary_head.classifier.bias')


class RowReport(NamedTuple):
    """What became of the class rows.

    Attributes:
        kept: Keys whose row was taken over.
        new: Keys that the checkpoint lacks; they keep their fresh row.
        dropped: Keys of the checkpoint that the model has no row for.
    """

    kept: list[str]
    new: list[str]
    dropped: list[str]


def remap_class_rows(state_dict: dict[str, Tensor], model_state: dict[str, Tensor],
                     old_keys: Sequence[str], new_keys: Sequence[str]) -> RowReport:
    """Reorder a checkpoint's class rows, in place, to the model's union.

    The no-object row comes last on both sides and is taken over. Text classifiers have no rows,
    and rows of a classifier that the model lacks stay as they are.

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
    targets = torch.tensor([row for row, _ in shared] + [len(new_keys)])
    sources = torch.tensor([row for _, row in shared] + [len(old_keys)])
    for name, rows in state_dict.items():
        if not name.endswith(CLASS_ROW_SUFFIXES):
            continue
        if len(rows) != len(old_keys) + 1:
            raise ValueError(f'{name}: expected {len(old_keys)} categories and no-object, got '
                             f'{len(rows)} rows')
        fresh = _fresh_rows(name, model_state, len(new_keys) + 1)
        if fresh is None:
            continue
        remapped = fresh.detach().to(rows).clone()
        remapped[targets] = rows[sources]
        state_dict[name] = remapped
    new = set(new_keys)
    return RowReport(
        kept=[key for key in new_keys if key in position],
        new=[key for key in new_keys if key not in position],
        dropped=[key for key in old_keys if key not in new])


def _fresh_rows(name: str, model_state: dict[str, Tensor], num_rows: int) -> Tensor | None:
    """The model's rows of that name; a plain decoder's rows may move into a wrapping one."""
    suffix = next(suffix for suffix in CLASS_ROW_SUFFIXES if name.endswith(suffix))
    for own, rows in model_state.items():
        if own.endswith(suffix) and len(rows) == num_rows:
            return rows
    return None
