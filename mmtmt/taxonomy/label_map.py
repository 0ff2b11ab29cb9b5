"""Training a dataset in the categories of another: what maps is renamed, the rest is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .loading import load_vocabulary, read_json
from .vocabulary import Vocabulary, canonical_key, short

RELEASED_MAPS = Path(__file__).parent / 'label_maps' / 'released.json'


@dataclass(frozen=True)
class LabelMap:
    """From the labels of one vocabulary to those of another.

    A :class:`Taxonomy` keeps every category; a label map is what the published code of TMT-VIS
    does instead: all sets are trained in the label space of one of them.

    Attributes:
        source: The vocabulary of the annotations.
        target: The vocabulary to train in.
        labels: Per label of the source the label of the target, -1 for what is left out.
    """

    source: Vocabulary
    target: Vocabulary
    labels: tuple[int, ...]

    @classmethod
    def load(
        cls,
        source: str | Vocabulary,
        target: str | Path | Mapping[str, Any] | Vocabulary,
        categories: str | Mapping[str, str] = 'released',
    ) -> LabelMap:
        """Load a map.

        Args:
            source: The vocabulary of the annotations.
            target: The vocabulary to train in.
            categories: ``'released'``, the tables of the published code, or a dict of category
                names {of the source: of the target}.

        Returns:
            The map.

        Raises:
            ValueError: If there is no released table for the two, or a name is not one of theirs.
        """
        source, target = load_vocabulary(source), load_vocabulary(target)
        if categories == 'released':
            categories = _released(source.name, target.name)
        elif not isinstance(categories, Mapping):
            raise ValueError(
                "the categories of a label map are 'released' or a dict {name: name}, got "
                f'{short(categories)}'
            )
        where = f'label map from {source.name!r} to {target.name!r}'
        own, theirs = _labels(source), _labels(target)
        labels = [-1] * len(source)
        for name, other in categories.items():
            labels[_label(own, name, source.name, where)] = _label(
                theirs, other, target.name, where
            )
        return cls(source, target, tuple(labels))

    def apply(self, labels: np.ndarray) -> np.ndarray:
        """Map labels.

        Args:
            labels: (N,) integers, labels of the source.

        Returns:
            int64 (N,), labels of the target, -1 for what is left out.
        """
        return np.array(self.labels, dtype=np.int64)[np.asarray(labels, dtype=np.int64)]

    def dropped(self) -> list[str]:
        """Return the names of the source that are left out."""
        return [name for name, label in zip(self.source.names, self.labels) if label < 0]


@cache
def _read_released() -> dict[tuple[str, str], dict[str, str]]:
    return {(m['from'], m['to']): m['categories'] for m in read_json(RELEASED_MAPS)['maps']}


def _released(source: str, target: str) -> dict[str, str]:
    maps = _read_released()
    if (source, target) not in maps:
        known = ', '.join(f'{a} to {b}' for a, b in maps)
        raise ValueError(
            f'there is no released label map from {source!r} to {target!r}; there are: {known}'
        )
    return maps[source, target]


def _labels(vocabulary: Vocabulary) -> dict[str, int]:
    return {canonical_key(name): label for label, name in enumerate(vocabulary.names)}


def _label(labels: Mapping[str, int], name: Any, vocabulary: str, where: str) -> int:
    if not isinstance(name, str) or canonical_key(name) not in labels:
        raise ValueError(f'{where}: {name!r} is no category of {vocabulary!r}')
    return labels[canonical_key(name)]
