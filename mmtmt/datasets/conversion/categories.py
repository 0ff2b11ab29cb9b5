"""Ids of categories while videos are streamed: fixed from the start, or given as names come up."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from mmtmt.taxonomy import Category, Vocabulary
from mmtmt.taxonomy.vocabulary import canonical_key


class CategoryIds:
    """Maps names to ids.

    Args:
        vocabulary: The categories. Names are compared as they are, then in any case, with blanks,
            underscores or hyphens. None numbers names from 1 as they come.
    """

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self.vocabulary = vocabulary
        self._entries: list[tuple[int, Category]] = []
        self._alike: dict[str, list[tuple[int, Category]]] = defaultdict(list)
        if vocabulary is not None:
            for entry in zip(vocabulary.ids, vocabulary.categories):
                self._add(entry)

    def _add(self, entry: tuple[int, Category]) -> None:
        self._entries.append(entry)
        self._alike[canonical_key(entry[1].name)].append(entry)

    def id_of(self, name: str) -> int:
        """Return the id of a name.

        Args:
            name: The name.

        Returns:
            Its id.

        Raises:
            ValueError: If the vocabulary has no such name, or several that may be meant.
        """
        alike = self._alike[canonical_key(name)]
        if not alike:
            if self.vocabulary is not None:
                raise ValueError(
                    f'expected a category of vocabulary {self.vocabulary.name!r} '
                    f'({", ".join(self.vocabulary.names[:8])}, ...), got {name!r}'
                )
            self._add((len(self._entries) + 1, Category.from_name(name)))
        found = [entry for entry in alike if entry[1].name == name] or alike
        if len(found) > 1:
            raise ValueError(
                f'{name!r} may be any of {[category.name for _, category in found]} in vocabulary '
                f'{self.vocabulary.name!r}, expected one of these names'
            )
        return found[0][0]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the list as it stands under ``categories`` of a json file."""
        return [
            {'id': json_id, 'name': category.name}
            | ({} if category == Category.from_name(category.name) else _meaning(category))
            for json_id, category in self._entries
        ]


def _meaning(category: Category) -> dict[str, str]:
    """What the name alone doesn't say."""
    return {'key': category.key, 'text': category.text}


class FreeIds:
    """Keeps ids that are free, and numbers the others from 1."""

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._next = 1

    def take(self, wanted: int | None) -> int:
        """Return an id that is not used yet.

        Args:
            wanted: The id to be returned if it is possible and free.

        Returns:
            An id from 1.
        """
        if wanted is None or wanted < 1 or wanted in self._taken:
            while self._next in self._taken:
                self._next += 1
            wanted = self._next
        self._taken.add(wanted)
        return wanted
