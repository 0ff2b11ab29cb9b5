"""A taxonomy told in words and as plain data: what shares a row, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .aliases import EVERYTHING_ELSE
from .vocabulary import canonical_key

if TYPE_CHECKING:
    from .taxonomy import Member, Taxonomy


@dataclass(frozen=True)
class Merge:
    """One row of the union that several vocabularies share.

    Attributes:
        index: The row.
        key: Its canonical key.
        members: ``vocabulary:name`` of the categories, in the order seen.
        reason: ``'same name'``, ``'same spelling'`` (up to case, blank, underscore), ``'same key'``
            (the label space's file says so), or the aliases used, as ``'alias sedan -> car'``.
    """

    index: int
    key: str
    members: list[str]
    reason: str


@dataclass(frozen=True)
class Row:
    """One row of the union.

    Attributes:
        index: Its number.
        key: Its canonical key.
        text: The phrase that a text encoder reads.
        names: Per vocabulary that covers it the raw names there.
    """

    index: int
    key: str
    text: str
    names: dict[str, list[str]]


@dataclass(frozen=True)
class TaxonomyReport:
    """What a taxonomy made of its vocabularies.

    Attributes:
        aliases: Name of the alias table.
        sizes: Number of categories of each vocabulary.
        rows: Number of rows of the union.
        merged: The rows with more than one category.
        kept_apart: Names that stand in several vocabularies with different meanings, with the key
            of each, as ``{'mouse': {'ytvis19': 'mouse', 'uvo': 'computer_mouse'}}``.
        overlaps: For each pair of vocabularies the number of rows that both cover.
        union: All rows.
        compatible: Pairs of keys that may name the same object though they are rows of their own.
    """

    aliases: str
    sizes: dict[str, int]
    rows: int
    merged: list[Merge]
    kept_apart: dict[str, dict[str, str]]
    overlaps: dict[tuple[str, str], int]
    union: list[Row]
    compatible: list[tuple[str, str]]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> TaxonomyReport:
        """Write the report of a taxonomy.

        Args:
            taxonomy: The taxonomy.

        Returns:
            Its report.
        """
        names = taxonomy.vocabulary_names
        masks = {name: taxonomy.mask(name) for name in names}
        return cls(
            aliases=taxonomy.aliases.name,
            sizes={v.name: len(v) for v in taxonomy.vocabularies},
            rows=len(taxonomy),
            merged=[
                Merge(
                    index, key, [f'{m.vocabulary}:{m.name}' for m in members], _reason(key, members)
                )
                for index, (key, members) in enumerate(zip(taxonomy.keys, taxonomy.members))
                if len(members) > 1
            ],
            kept_apart=_kept_apart(taxonomy),
            overlaps={
                (a, b): int((masks[a] & masks[b]).sum())
                for i, a in enumerate(names)
                for b in names[i + 1 :]
            },
            union=[
                Row(index, key, text, _names(members))
                for index, (key, text, members) in enumerate(
                    zip(taxonomy.keys, taxonomy.texts, taxonomy.members)
                )
            ],
            compatible=_compatible(taxonomy),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data that json can hold.

        Returns:
            The fields; overlaps as a list of ``{'pair': [a, b], 'shared': n}``.
        """
        data = asdict(self)
        data['overlaps'] = [{'pair': list(pair), 'shared': n} for pair, n in self.overlaps.items()]
        return data

    def __str__(self) -> str:
        parts = ', '.join(f'{name} ({size})' for name, size in self.sizes.items())
        lines = [f'Union of {parts}: {self.rows} rows; {self.aliases}']
        lines += [f'  {a} and {b} share {n}' for (a, b), n in self.overlaps.items()]
        lines.append(f'Shared rows: {len(self.merged)}')
        lines += [
            f'  {m.index:3d} {m.key}: {", ".join(m.members)} ({m.reason})' for m in self.merged
        ]
        if self.compatible:
            lines.append('Rows of their own that may name the same object:')
            lines.append('  ' + ', '.join(f'{a} and {b}' for a, b in self.compatible))
        if self.kept_apart:
            lines.append('Same name, kept apart:')
        for name, keys in self.kept_apart.items():
            lines.append(f'  {name}: ' + ', '.join(f'{v} means {key}' for v, key in keys.items()))
        return '\n'.join(lines)


def _reason(key: str, members: list[Member]) -> str:
    aliases = dict.fromkeys(f'{m.key} -> {key}' for m in members if m.key != key)
    if aliases:
        return 'alias ' + ', '.join(aliases)
    if len({m.name for m in members}) == 1:
        return 'same name'
    return 'same spelling' if len({canonical_key(m.name) for m in members}) == 1 else 'same key'


def _names(members: list[Member]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for member in members:
        names.setdefault(member.vocabulary, []).append(member.name)
    return names


def _compatible(taxonomy: Taxonomy) -> list[tuple[str, str]]:
    """Pairs in the order of the union; what is compatible with all it does not list is left out."""
    pairs, keys = taxonomy.compatible(), taxonomy.keys
    aliases = taxonomy.aliases
    broad = {aliases.resolve(a) for a, b in aliases.compatible if b == EVERYTHING_ELSE}
    return [
        (keys[i], keys[j])
        for i in range(len(keys))
        for j in range(i + 1, len(keys))
        if pairs[i, j] and not broad & {keys[i], keys[j]}
    ]


def _kept_apart(taxonomy: Taxonomy) -> dict[str, dict[str, str]]:
    by_name: dict[str, dict[str, str]] = {}
    for key, members in zip(taxonomy.keys, taxonomy.members):
        for member in members:
            by_name.setdefault(canonical_key(member.name), {})[member.vocabulary] = key
    return {name: keys for name, keys in by_name.items() if len(set(keys.values())) > 1}
