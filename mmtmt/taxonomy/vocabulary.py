"""What a category is, and the ordered list of categories that a dataset annotates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

# Half a character, which json can hold but neither files nor terminals take.
_SURROGATE = re.compile('[\ud800-\udfff]')


def canonical_key(name: str) -> str:
    """Spell a category name in the form in which names are compared.

    Case, surrounding blanks and the choice between blank, underscore and hyphen carry no
    meaning: ``Giant_panda``, ``giant panda`` and ``giant-panda`` are one key. Names that differ
    in anything else (``motorbike``, ``motorcycle``) need an alias.

    Args:
        name: A category name in any spelling.

    Returns:
        The key, for example ``giant_panda``.

    Raises:
        ValueError: If nothing is left of the name.
    """
    words = (
        unicodedata.normalize('NFKC', name).casefold().replace('_', ' ').replace('-', ' ').split()
    )
    if not words:
        raise ValueError(f'a category name must hold a visible character, got {name!r}')
    return '_'.join(words)


@dataclass(frozen=True)
class Category:
    """One category of a label space.

    Attributes:
        name: The raw official spelling (``Vehical``).
        key: What identifies the category across label spaces and text banks. Equal names with
            different meanings have different keys (the animal ``mouse``, ``computer_mouse``).
        text: The phrase that a text encoder reads (``vehicle``).
    """

    name: str
    key: str
    text: str

    @classmethod
    def from_name(cls, name: str, key: str | None = None, text: str | None = None) -> Category:
        """Fill in what the name alone already says.

        Args:
            name: The raw official spelling.
            key: The key; by default the canonical form of the name.
            text: The phrase; by default the name in lower case, without underscores.

        Returns:
            The category.

        Raises:
            ValueError: If nothing is left of the name or key, or one is no text in Unicode.
        """
        for given in (name, key, text):
            if given is not None and _SURROGATE.search(given):
                raise ValueError(f'a category must be called something in Unicode, got {given!a}')
        key = canonical_key(name if key is None else key)
        text = ' '.join(name.casefold().replace('_', ' ').split()) if text is None else text
        return cls(name=name, key=key, text=text)


@dataclass(frozen=True)
class Vocabulary:
    """The categories of one label space, in its official order.

    A category's label is its position here; the json id of the annotation files is ``ids[label]``
    and may have gaps.

    Attributes:
        name: Name of the vocabulary, by which samples and taxonomies refer to it.
        categories: The categories.
        ids: Their json ids, all different.
        source: Where the list comes from.
    """

    name: str
    categories: tuple[Category, ...]
    ids: tuple[int, ...]
    source: str = field(default='', compare=False)

    def __post_init__(self) -> None:
        if not self.categories:
            raise ValueError(f'vocabulary {self.name!r} has no categories')
        if len(self.ids) != len(self.categories):
            raise ValueError(
                f'vocabulary {self.name!r}: {len(self.categories)} categories but '
                f'{len(self.ids)} ids'
            )
        _refuse_repeats(self.name, 'id', self.ids, self.names)
        _refuse_repeats(self.name, 'name', self.names, self.ids)
        _refuse_repeats(
            self.name,
            'key',
            self.keys,
            self.names,
            hint='; give one of them another "key" (and "text") in the file',
        )

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def names(self) -> list[str]:
        """The raw official names, in order."""
        return [c.name for c in self.categories]

    @property
    def keys(self) -> list[str]:
        """The keys, in order."""
        return [c.key for c in self.categories]

    @property
    def texts(self) -> list[str]:
        """The phrases that a text encoder reads, in order."""
        return [c.text for c in self.categories]

    def part(self, labels: Iterable[int]) -> Vocabulary:
        """Take some of the categories.

        Args:
            labels: Which, at least one.

        Returns:
            A vocabulary of these alone, with their ids, under the same name.
        """
        labels = list(labels)
        return replace(
            self,
            categories=tuple(self.categories[label] for label in labels),
            ids=tuple(self.ids[label] for label in labels),
        )

    @cached_property
    def _index_of_id(self) -> dict[int, int]:
        return {json_id: index for index, json_id in enumerate(self.ids)}

    def index_of_id(self, json_id: int) -> int:
        """Return the label of a category id of the annotation files.

        Args:
            json_id: The ``category_id`` of an annotation.

        Returns:
            The label, in 0..len - 1.

        Raises:
            ValueError: If no category has this id.
        """
        try:
            return self._index_of_id[json_id]
        except (KeyError, TypeError):
            raise ValueError(
                f'category id {json_id!r} is not in vocabulary {self.name!r} '
                f'({len(self)} categories, ids {min(self.ids)}..{max(self.ids)})'
            ) from None

    def adopt_ids(self, categories: Sequence[Mapping[str, Any]], where: str) -> Vocabulary:
        """Hold this vocabulary against the category list of an annotation file.

        Names must agree one by one in the order of the ids. Ids may differ, since copies of one
        dataset circulate with renumbered ids (UVO with 1..81 in place of COCO's gapped ids):
        results must then carry the ids of the file.

        Args:
            categories: The ``categories`` of the file.
            where: What to call the file in errors.

        Returns:
            This vocabulary when the ids agree, else one with the ids of the file.

        Raises:
            ValueError: If the names differ, naming the first differences.
        """
        theirs = Vocabulary.from_categories(self.name, categories, where)
        if len(theirs) != len(self):
            missing = [n for n in self.names if n not in set(theirs.names)]
            extra = [n for n in theirs.names if n not in set(self.names)]
            raise ValueError(
                f'{where}: expected the {len(self)} categories of vocabulary {self.name!r}, '
                f'got {len(theirs)} (missing {missing[:8]}, unknown {extra[:8]})'
            )
        differ = [(i, a, b) for i, a, b in zip(theirs.ids, self.names, theirs.names) if a != b]
        if differ:
            shown = ', '.join(f'id {i}: expected {a!r}, got {b!r}' for i, a, b in differ[:5])
            raise ValueError(
                f'{where}: {len(differ)} names differ from vocabulary {self.name!r}: {shown}'
            )
        return self if theirs.ids == self.ids else replace(self, ids=theirs.ids, source=where)

    @classmethod
    def from_names(cls, name: str, names: Iterable[str], source: str = '') -> Vocabulary:
        """Make a vocabulary of plain names, with ids 1, 2, ...

        Args:
            name: Name of the vocabulary.
            names: Category names, for example ``['zebra', 'red car']``.
            source: Where they come from.

        Returns:
            The vocabulary.
        """
        categories = tuple(Category.from_name(n) for n in names)
        return cls(name, categories, tuple(range(1, len(categories) + 1)), source)

    @classmethod
    def from_categories(cls, name: str, categories: Any, where: str) -> Vocabulary:
        """Read the ``categories`` of a json file, ordered by id.

        The order by id is the official label order of all readers of these formats. An entry may
        hold ``key`` and ``text`` beside ``id`` and ``name``; anything else is left alone.

        Args:
            name: Name of the vocabulary.
            categories: The list as it stands in the file.
            where: What to call the file in errors.

        Returns:
            The vocabulary.

        Raises:
            ValueError: If the list is not one of categories, or ids, names or keys repeat.
        """
        if not isinstance(categories, (list, tuple)) or not categories:
            raise ValueError(
                f'{where}: "categories" must be a list with at least one entry, got '
                f'{short(categories)}'
            )
        entries = [
            _read_entry(entry, f'{where}: categories[{i}]') for i, entry in enumerate(categories)
        ]
        entries.sort(key=lambda entry: entry[0])
        try:
            return cls(name, tuple(c for _, c in entries), tuple(i for i, _ in entries), where)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from None

    def state_dict(self) -> dict[str, Any]:
        """Return plain data (strings, integers, lists) from which the vocabulary can be rebuilt."""
        return {
            'name': self.name,
            'source': self.source,
            'categories': [
                {'id': i, 'name': c.name, 'key': c.key, 'text': c.text}
                for i, c in zip(self.ids, self.categories)
            ],
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Vocabulary:
        """Rebuild a vocabulary from :meth:`state_dict`.

        Args:
            state: The plain data.

        Returns:
            The vocabulary.
        """
        entries = [
            _read_entry(e, f'state of vocabulary {state["name"]!r}') for e in state['categories']
        ]
        return cls(
            state['name'],
            tuple(c for _, c in entries),
            tuple(i for i, _ in entries),
            state['source'],
        )


def _read_entry(entry: Any, where: str) -> tuple[int, Category]:
    if not isinstance(entry, Mapping):
        raise ValueError(f'{where}: expected an object with "id" and "name", got {short(entry)}')
    json_id, name = entry.get('id'), entry.get('name')
    if not isinstance(json_id, int) or isinstance(json_id, bool):
        raise ValueError(f'{where}: "id" must be an integer, got {short(json_id)}')
    if not isinstance(name, str):
        raise ValueError(f'{where}: "name" must be a string, got {short(name)}')
    for optional in ('key', 'text'):
        if not isinstance(entry.get(optional, ''), str):
            raise ValueError(
                f'{where}: "{optional}" must be a string, got {short(entry[optional])}'
            )
    try:
        return json_id, Category.from_name(name, entry.get('key'), entry.get('text'))
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def _refuse_repeats(
    vocabulary: str, what: str, values: Sequence, others: Sequence, hint: str = ''
) -> None:
    first: dict[Any, Any] = {}
    for value, other in zip(values, others):
        if value in first:
            raise ValueError(
                f'vocabulary {vocabulary!r}: {what} {value!r} stands twice, for '
                f'{first[value]!r} and {other!r}{hint}'
            )
        first[value] = other


def short(value: Any, limit: int = 80) -> str:
    """Show a value with its type in an error, cut where it is long."""
    text = repr(value)
    return f'{type(value).__name__} {text if len(text) <= limit else text[:limit] + "..."}'
