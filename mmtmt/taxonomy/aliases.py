"""Which category names of different label spaces mean the same, and which overlap in meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .loading import ALIAS_FILE, read_json
from .vocabulary import Vocabulary, canonical_key

EVERYTHING_ELSE = '*'
_FIELDS = {'extends', 'merge', 'compatible', 'keep_apart', 'many_to_one', 'source'}


@dataclass(frozen=True)
class AliasTable:
    """Rules by which the keys of several vocabularies become the rows of one taxonomy.

    All names are kept in the form of :func:`~mmtmt.taxonomy.vocabulary.canonical_key`.

    Attributes:
        name: What to call the table in errors and reports.
        merge: Key to the key whose row it shares. A key written ``vocabulary:key`` (or, before
            :meth:`for_vocabularies`, ``vocabulary:name``) holds for that vocabulary alone and goes
            before the plain one; ``'*'`` holds for every key that
            has no rule of its own. Chains are followed.
        compatible: Pairs (coarse, fine) of keys that may name the same object although they stay
            rows of their own, as ``bird`` and ``owl``. Fine may be ``'*'``: everything that
            the vocabularies holding the coarse key do not list themselves.
        keep_apart: Pairs of keys that must never share a row.
        many_to_one: Whether two categories of one vocabulary may share a row.
    """

    name: str
    merge: Mapping[str, str] = field(default_factory=dict)
    compatible: tuple[tuple[str, str], ...] = ()
    keep_apart: tuple[tuple[str, str], ...] = ()
    many_to_one: bool = False

    def __post_init__(self) -> None:
        for source in self.merge:
            self._follow(source)
        for a, b in self.keep_apart:
            shared = self._destinations(a) & self._destinations(b)
            if shared:
                raise ValueError(
                    f'contradictory aliases in {self.name}: {a!r} and {b!r} are to be kept apart, '
                    f'but both become {shared.pop()!r}'
                )

    def resolve(self, key: str, vocabulary: str = '') -> str:
        """Return the key whose row a category shares.

        Args:
            key: Key of the category.
            vocabulary: Name of its vocabulary.

        Returns:
            The canonical key: ``key`` itself when no alias applies.
        """
        qualified = f'{vocabulary}:{key}'
        return self._follow(qualified if qualified in self.merge else key)

    def for_vocabularies(self, vocabularies: Iterable[Vocabulary]) -> AliasTable:
        """Write rules for single vocabularies by key where they name a category.

        Args:
            vocabularies: Those of a taxonomy.

        Returns:
            A table with ``uvo:computer_mouse`` for ``uvo:mouse``, where that is UVO's name of the
            category; this table if no rule changes.
        """
        merge = dict(self.merge)
        for vocabulary in vocabularies:
            for name, key in zip(vocabulary.names, vocabulary.keys, strict=True):
                named = f'{vocabulary.name}:{canonical_key(name)}'
                if canonical_key(name) not in vocabulary.keys and named in merge:
                    merge.setdefault(f'{vocabulary.name}:{key}', merge.pop(named))
        return self if merge == self.merge else replace(self, merge=merge)

    def _follow(self, key: str) -> str:
        path = [key]
        while (target := self._next(path[-1])) is not None:
            if target in path:
                raise ValueError(f'cyclic aliases in {self.name}: {" -> ".join([*path, target])}')
            path.append(target)
        return path[-1]

    def _next(self, key: str) -> str | None:
        if key in self.merge:
            return self.merge[key]
        rest = self.merge.get(EVERYTHING_ELSE)
        return None if key in (rest, EVERYTHING_ELSE) else rest

    def _destinations(self, key: str) -> set[str]:
        """All rows that a key may end in, whichever vocabulary holds it."""
        qualified = [source for source in self.merge if source.endswith(f':{key}')]
        return {self._follow(source) for source in [key, *qualified]}

    @property
    def hash(self) -> str:
        """SHA-256 of the rules; the table's name has no part in it."""
        rules = {k: v for k, v in self.state_dict().items() if k != 'name'}
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """Return plain data from which :meth:`from_state_dict` rebuilds the table."""
        return {
            'name': self.name,
            'merge': dict(self.merge),
            'compatible': [list(pair) for pair in self.compatible],
            'keep_apart': [list(pair) for pair in self.keep_apart],
            'many_to_one': self.many_to_one,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> AliasTable:
        """Rebuild a table from :meth:`state_dict`.

        Args:
            state: The plain data.

        Returns:
            The table.
        """
        return cls(
            state['name'],
            dict(state['merge']),
            tuple((a, b) for a, b in state['compatible']),
            tuple((a, b) for a, b in state['keep_apart']),
            state['many_to_one'],
        )

    @classmethod
    def load(cls, aliases: str | Path | Mapping[str, Any] | AliasTable) -> AliasTable:
        """Load a table from whatever names it.

        Args:
            aliases: One of

                - a variant of the package: ``'strict'`` merges spellings alone (case, blank,
                  underscore), ``'default'`` synonyms besides, ``'vehical_as_car'`` OVIS's
                  Vehical into car too, ``'released'`` and ``'released_ovis'`` what the published
                  TMT-VIS code maps onto YouTube-VIS and onto OVIS (what it drops keeps a row of its
                  own here), ``'class_agnostic'`` all categories into one row;
                - the path of a json file, or a dict, with any of the fields ``extends`` (name of a
                  variant to start from), ``merge`` {name: canonical name}, ``compatible``
                  {coarse: [fine, ...]}, ``keep_apart`` [[a, b], ...], ``many_to_one``, ``source``;
                - a table, which is returned as it is.

        Returns:
            The table.

        Raises:
            ValueError: If the variant is unknown, a field is malformed, or the aliases are cyclic
                or contradictory.
            TypeError: If the argument is none of the above.
        """
        if isinstance(aliases, AliasTable):
            return aliases
        if isinstance(aliases, Mapping):
            return cls._from_fields(aliases, 'the given aliases')
        if not isinstance(aliases, (str, Path)):
            raise TypeError(
                f'aliases are a name, a path or a dict, got {type(aliases).__name__} {aliases!r}'
            )
        path = Path(aliases)
        if path.suffix != '.json' and (not path.is_file() or str(aliases) in _variants()):
            return cls._variant(str(aliases))
        return cls._from_fields(
            read_json(path, object_pairs_hook=_object_without_repeats), str(path)
        )

    @classmethod
    def _variant(cls, name: Any) -> AliasTable:
        variants = _variants()
        if not isinstance(name, str) or name not in variants:
            raise ValueError(
                f'unknown aliases {name!r}: neither the path of a json file nor one of '
                f'{", ".join(variants)}'
            )
        return cls._from_fields(variants[name], f'aliases {name!r}')

    @classmethod
    def _from_fields(cls, fields: Mapping[str, Any], name: str) -> AliasTable:
        unknown = sorted(set(fields) - _FIELDS)
        if unknown:
            raise ValueError(
                f'{name}: unknown fields {unknown}, expected some of {sorted(_FIELDS)}'
            )
        base = cls._variant(fields['extends']) if 'extends' in fields else cls(name)
        merge = dict(base.merge)
        own: dict[str, str] = {}
        for source, target in _pairs(fields.get('merge', {}), f'{name}: "merge"'):
            if own.setdefault(source, target) != target:
                raise ValueError(
                    f'contradictory aliases in {name}: {source!r} is to be {own[source]!r} '
                    f'and {target!r}'
                )
        # What the base says of a name that the extension makes canonical gives way.
        for target in own.values():
            merge.pop(target, None)
        return cls(
            name,
            {**merge, **own},
            base.compatible + tuple(_lists(fields.get('compatible', {}), f'{name}: "compatible"')),
            base.keep_apart
            + tuple(_couples(fields.get('keep_apart', []), f'{name}: "keep_apart"')),
            _flag(fields.get('many_to_one', base.many_to_one), f'{name}: "many_to_one"'),
        )


def _variants() -> dict[str, Any]:
    return read_json(ALIAS_FILE)['variants']


def _alias_key(name: Any, where: str) -> str:
    if not isinstance(name, str):
        raise ValueError(f'{where}: expected a category name, got {type(name).__name__} {name!r}')
    vocabulary, colon, rest = name.rpartition(':')
    try:
        return f'{vocabulary}{colon}{canonical_key(rest)}'
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def _pairs(mapping: Any, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(mapping, Mapping):
        raise ValueError(f'{where}: expected an object {{name: canonical name}}, got {mapping!r}')
    for source, target in mapping.items():
        key = _alias_key(target, where)
        if ':' in key:
            raise ValueError(
                f'{where}: expected a name alone as what {source!r} is to be, got {target!r}'
            )
        yield _alias_key(source, where), key


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f'{where}: expected true or false, got {value!r}')
    return value


def _lists(mapping: Any, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(mapping, Mapping):
        raise ValueError(f'{where}: expected an object {{coarse name: [names]}}, got {mapping!r}')
    for coarse, fine in mapping.items():
        if not isinstance(fine, (list, tuple)):
            raise ValueError(f'{where}: expected a list of names for {coarse!r}, got {fine!r}')
        for name in fine:
            yield _alias_key(coarse, where), _alias_key(name, where)


def _couples(pairs: Any, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(pairs, (list, tuple)):
        raise ValueError(f'{where}: expected a list of pairs, got {pairs!r}')
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(f'{where}: expected pairs of names, got {pair!r}')
        yield _alias_key(pair[0], where), _alias_key(pair[1], where)


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(n for n in names if names.count(n) > 1)
        raise ValueError(f'contradictory: two values for {repeated!r} in one object')
    return data
