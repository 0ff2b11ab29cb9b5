"""Whether an annotation marks a crowd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def read_crowd(annotation: Mapping[str, Any]) -> bool:
    """Read ``iscrowd``.

    Args:
        annotation: Entry of a file.

    Returns:
        True for a crowd; an annotation that doesn't say is none.

    Raises:
        ValueError: If it is not 0, 1, true, false or null: ``'0'`` would be true to Python.
    """
    crowd = annotation.get('iscrowd')
    if crowd is not None and crowd not in (0, 1):
        raise ValueError(f'expected iscrowd to be 0 or 1, got {crowd!r:.80}')
    return bool(crowd)
