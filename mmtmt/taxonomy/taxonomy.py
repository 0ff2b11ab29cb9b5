"""The union of several vocabularies: one row per meaning, first seen first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .aliases import EVERYTHING_ELSE, AliasTable
from .loading import load_vocabulary
from .report import TaxonomyReport
from .vocabulary import Vocabulary, canonical_key

STATE_VERSION = 1
VocabularyLike = str | Path | Mapping[str, Any] | Vocabulary


@dataclass(frozen=True)
class Member:
    """A category of one vocabulary that shares a row of the union.

    Attributes:
        vocabulary: Name of the vocabulary.
        index: Its label there.
        name: Its raw name.
        key: Its own key, before aliases.
        text: Its phrase for a text encoder.
    """

    vocabulary: str
    index: int
    name: str
    key: str
    text: str


class Taxonomy:
    """Union label space over several vocabularies (the paper's joint taxonomy).

    Rows are ordered by first appearance: the categories of the first vocabulary, then what the
    second adds, and so on. Two categories share a row when their keys are equal after the
    aliases. A row's key does not depend on the order of the vocabularies, so that class rows of
    a checkpoint can be moved from one union to another by key.

    Args:
        vocabularies: What :func:`load_vocabulary` accepts, in the order of the union.
        aliases: What :meth:`AliasTable.load` accepts: ``'default'``, ``'strict'``,
            ``'released'``, a path or a dict.

    Raises:
        ValueError: If there is no vocabulary, two have one name, or the aliases put two categories
            of one vocabulary into one row without ``many_to_one``.
    """

    def __init__(
        self,
        vocabularies: Sequence[VocabularyLike],
        aliases: str | Path | Mapping[str, Any] | AliasTable = 'default',
    ) -> None:
        if isinstance(vocabularies, (str, Path, Mapping, Vocabulary)):
            raise TypeError(f'expected a list of vocabularies, got the single {vocabularies!r}')
        self.vocabularies = [load_vocabulary(v) for v in vocabularies]
        self.aliases = AliasTable.load(aliases).for_vocabularies(self.vocabularies)
        if not self.vocabularies:
            raise ValueError('a taxonomy needs at least one vocabulary')
        names = self.vocabulary_names
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise ValueError(
                f'vocabularies must have different names, {repeated} stand twice in {names}'
            )
        rows: dict[str, list[Member]] = {}
        for vocabulary in self.vocabularies:
            for index, category in enumerate(vocabulary.categories):
                key = self.aliases.resolve(category.key, vocabulary.name)
                member = Member(vocabulary.name, index, category.name, category.key, category.text)
                self._refuse_many_to_one(key, rows.setdefault(key, []), member)
                rows[key].append(member)
        self._rows = rows
        self._index = {key: index for index, key in enumerate(rows)}

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Taxonomy):
            return NotImplemented
        return self.vocabularies == other.vocabularies and self.aliases.hash == other.aliases.hash

    def __repr__(self) -> str:
        return f'Taxonomy({self.vocabulary_names}, aliases={self.aliases.name!r}, rows={len(self)})'

    @property
    def vocabulary_names(self) -> list[str]:
        """Names of the vocabularies, in the order of the union."""
        return [v.name for v in self.vocabularies]

    @property
    def keys(self) -> list[str]:
        """Canonical key of each row."""
        return list(self._rows)

    @property
    def names(self) -> list[str]:
        """Raw name of each row: that of the category seen first."""
        return [members[0].name for members in self._rows.values()]

    @property
    def texts(self) -> list[str]:
        """Phrase of each row: that of the first of :attr:`text_keys`."""
        return [_speaking_for(key, members)[0].text for key, members in self._rows.items()]

    @property
    def text_keys(self) -> list[list[str]]:
        """For each row the keys under which a text bank may hold it, the best first.

        The canonical key comes first when a category has it as its own, then the keys of the
        other categories of the row as they were seen, the canonical key last if none has it.
        """
        found = []
        for key, members in self._rows.items():
            own = [m.key for m in _speaking_for(key, members)]
            found.append(list(dict.fromkeys([*own, key])))
        return found

    @property
    def members(self) -> list[list[Member]]:
        """For each row the categories that share it, in the order of the vocabularies."""
        return [list(members) for members in self._rows.values()]

    def row_key(self, name: str) -> str:
        """Find the row of a category by its name alone.

        Args:
            name: A category name in any spelling, or a key.

        Returns:
            Key of the row.

        Raises:
            ValueError: If no row has that name.
        """
        key = self.aliases.resolve(canonical_key(name))
        if key not in self._index:
            raise ValueError(
                f'category {name!r} is not in the taxonomy over {self.vocabulary_names}')
        return key

    def to_union(self, vocabulary: VocabularyLike, missing: str = 'error') -> np.ndarray:
        """Map the labels of a vocabulary to rows of the union.

        Args:
            vocabulary: A vocabulary of the taxonomy or any other, by what
                :func:`load_vocabulary` accepts.
            missing: What to do about categories without a row, which only another vocabulary can
                have: ``'error'``, or ``'ignore'`` to map them to -1.

        Returns:
            int64 array (K,).

        Raises:
            ValueError: If categories have no row, naming them.
        """
        if missing not in ('error', 'ignore'):
            raise ValueError(f"missing must be 'error' or 'ignore', got {missing!r}")
        found = self._find(vocabulary)
        rows = [self._index.get(self.aliases.resolve(key, found.name), -1) for key in found.keys]
        absent = [name for name, row in zip(found.names, rows) if row < 0]
        if absent and missing == 'error':
            raise ValueError(
                f'{len(absent)} of {len(found)} categories of vocabulary {found.name!r} are not '
                f'in the taxonomy over {self.vocabulary_names}: {absent}'
            )
        return np.array(rows, dtype=np.int64)

    def mask(self, vocabulary: VocabularyLike, missing: str = 'error') -> np.ndarray:
        """Mark the rows that a vocabulary covers.

        Args:
            vocabulary: As for :meth:`to_union`.
            missing: As for :meth:`to_union`.

        Returns:
            bool array (K_u,).
        """
        mask = np.zeros(len(self), dtype=bool)
        rows = self.to_union(vocabulary, missing)
        mask[rows[rows >= 0]] = True
        return mask

    def from_union(self, vocabulary: VocabularyLike, missing: str = 'error') -> np.ndarray:
        """Map rows of the union back to the labels of a vocabulary.

        Where several categories of the vocabulary share a row, the one whose own key is the row's
        is taken, else the first.

        Args:
            vocabulary: As for :meth:`to_union`.
            missing: As for :meth:`to_union`.

        Returns:
            int64 array (K_u,), -1 for rows that the vocabulary does not cover.
        """
        found = self._find(vocabulary)
        labels = np.full(len(self), -1, dtype=np.int64)
        keys = self.keys
        for label, row in enumerate(self.to_union(found, missing)):
            if row >= 0 and (labels[row] < 0 or found.keys[label] == keys[row]):
                labels[row] = label
        return labels

    def compatible(self, vocabulary: VocabularyLike | None = None) -> np.ndarray:
        """Mark pairs of rows that may name the same object, as ``bird`` and ``owl``.

        Args:
            vocabulary: With a vocabulary, entry (r, s) off the diagonal is kept only where that
                vocabulary does not cover s: where it lists both, its annotators told them apart.

        Returns:
            bool array (K_u, K_u), true on the diagonal; symmetric without a vocabulary.
        """
        pairs = self._compatible_pairs.copy()
        if vocabulary is not None:
            pairs &= ~self.mask(vocabulary, missing='ignore')[None, :]
            np.fill_diagonal(pairs, True)
        return pairs

    @cached_property
    def _compatible_pairs(self) -> np.ndarray:
        pairs = np.eye(len(self), dtype=bool)
        for coarse, fine in self.aliases.compatible:
            a = self._index.get(self.aliases.resolve(coarse))
            if a is None:
                continue
            if fine == EVERYTHING_ELSE:
                listed = np.zeros(len(self), dtype=bool)
                for name in {m.vocabulary for m in self._rows[self.keys[a]]}:
                    listed |= self.mask(name)
                pairs[a] |= ~listed
                pairs[:, a] |= ~listed
            elif (b := self._index.get(self.aliases.resolve(fine))) is not None:
                pairs[a, b] = pairs[b, a] = True
        return pairs

    def report(self) -> TaxonomyReport:
        """Tell what shares a row and why, what was kept apart, and how the vocabularies overlap.

        Returns:
            The report: printable, and plain data by ``to_dict()``.
        """
        return TaxonomyReport.of(self)

    def state_dict(self) -> dict[str, Any]:
        """Return plain data for a checkpoint, from which :meth:`from_state_dict` rebuilds it."""
        return {
            'version': STATE_VERSION,
            'keys': self.keys,
            'names': self.names,
            'texts': self.texts,
            'vocabularies': [v.state_dict() for v in self.vocabularies],
            'aliases': self.aliases.state_dict(),
            'aliases_hash': self.aliases.hash,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Taxonomy:
        """Rebuild a taxonomy from :meth:`state_dict`, without any file.

        Args:
            state: The plain data.

        Returns:
            The taxonomy.

        Raises:
            ValueError: If the state is of another version, or does not give the rows that it says.
        """
        if state.get('version') != STATE_VERSION:
            raise ValueError(
                f'taxonomy state: expected version {STATE_VERSION}, got {state.get("version")!r}'
            )
        vocabularies = [Vocabulary.from_state_dict(v) for v in state['vocabularies']]
        taxonomy = cls(vocabularies, AliasTable.from_state_dict(state['aliases']))
        if taxonomy.keys != list(state['keys']) or taxonomy.aliases.hash != state['aliases_hash']:
            raise ValueError(
                f'taxonomy state over {taxonomy.vocabulary_names}: vocabularies and aliases give '
                f'{len(taxonomy)} rows that are not the {len(state["keys"])} rows stored with it'
            )
        return taxonomy

    def _find(self, vocabulary: VocabularyLike) -> Vocabulary:
        if isinstance(vocabulary, str):
            for known in self.vocabularies:
                if known.name == vocabulary:
                    return known
        return load_vocabulary(vocabulary)

    def _refuse_many_to_one(self, key: str, row: list[Member], new: Member) -> None:
        same = [m for m in row if m.vocabulary == new.vocabulary]
        if same and not self.aliases.many_to_one:
            raise ValueError(
                f'{self.aliases.name} would put {same[0].name!r} and {new.name!r} of vocabulary '
                f'{new.vocabulary!r} into one row ({key!r}); use "strict" aliases, aliases of '
                'your own, or many_to_one'
            )


def _speaking_for(key: str, members: list[Member]) -> list[Member]:
    """Order the members of a row so that those with the row's own key come first."""
    return sorted(members, key=lambda m: m.key != key)
