"""Work on what the frames of a clip share: a pseudo clip is one image several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def map_once(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item, once to an object that comes several times.

    Args:
        function: The function.
        items: One per frame.

    Returns:
        One result per frame; frames that shared an item share its result.
    """
    different = {id(item): item for item in items}
    results = {key: function(item) for key, item in different.items()}
    return [results[id(item)] for item in items]
