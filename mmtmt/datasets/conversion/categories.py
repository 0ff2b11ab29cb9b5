"""Ids of categories while videos are streamed: fixed from the start, or given as names come up."""

from __future__ import annotations

from typing import Any

from mmtmt.taxonomy import Category, Vocabulary
from mmtmt.taxonomy.vocabulary import canonical_key


class CategoryIds:
    """Maps names to ids.

    Args:
        vocabulary: The categories. Names are compared in any case, with blanks, underscores or
            hyphens. None numbers names from 1 as they come.
    """

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self.vocabulary = vocabulary
        self._entries: dict[str, tuple[int, Category]] = {}
        if vocabulary is not None:
            for json_id, category in zip(vocabulary.ids, vocabulary.categories):
                self._entries[canonical_key(category.name)] = (json_id, category)

    def id_of(self, name: str) -> int:
        """Return the id of a name.

        Args:
            name: The name.

        Returns:
            Its id.

        Raises:
            ValueError: If the vocabulary has no such name.
        """
        key = canonical_key(name)
        if key not in self._entries:
            if self.vocabulary is not None:
                raise ValueError(
                    f'expected a category of vocabulary {self.vocabulary.name!r} '
                    f'({", ".join(self.vocabulary.names[:8])}, ...), got {name!r}'
                )
            self._entries[key] = (len(self._entries) + 1, Category.from_name(name))
        return self._entries[key][0]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the list as it stands under ``categories`` of a json file."""
        return [
            {'id': json_id, 'name': category.name}
            | ({} if category == Category.from_name(category.name) else _meaning(category))
            for json_id, category in self._entries.values()
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
