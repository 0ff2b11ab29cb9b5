"""What the names of an annotation file mean, where one name has several meanings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from .vocabulary import Category, Vocabulary, canonical_key, short


def settle_meanings(
    vocabulary: Vocabulary,
    label_spaces: Sequence[Vocabulary],
    told: Collection[str] = (),
) -> Vocabulary:
    """Give the categories of a file the keys and texts that they have in a known label space.

    An annotation file names its categories, and some names mean different things in different
    sets: ``mouse`` is an animal in YouTube-VIS and stands on the desk in COCO and UVO. The file is
    taken for one of the label spaces that hold all of its categories under the same ids, else for
    one of those that hold all of its names.

    Args:
        vocabulary: The categories as the file has them.
        label_spaces: What is known.
        told: Names whose key is settled already.

    Returns:
        The vocabulary with the meanings of the label spaces that it was found in.

    Raises:
        ValueError: If a name has several meanings and nothing says which one is meant.
    """
    spaces = _spaces_of(vocabulary, label_spaces)
    categories = tuple(
        category if category.name in told else _settle(category, vocabulary, spaces, label_spaces)
        for category in vocabulary.categories
    )
    return replace(vocabulary, categories=categories)


def choose_keys(
    vocabulary: Vocabulary, keys: Mapping[str, str], label_spaces: Sequence[Vocabulary]
) -> Vocabulary:
    """Give categories keys by hand.

    Args:
        vocabulary: The categories.
        keys: Name to key, as ``{'mouse': 'computer_mouse'}``.
        label_spaces: Where the phrase of a known key is looked up.

    Returns:
        The vocabulary with these keys.

    Raises:
        ValueError: If the vocabulary doesn't have a name.
    """
    unknown = [name for name in keys if name not in set(vocabulary.names)]
    if unknown:
        raise ValueError(
            f'vocabulary {vocabulary.name!r}: "keys" names {unknown}, which are not among its '
            f'categories {short(vocabulary.names)}'
        )
    texts = {c.key: c.text for space in label_spaces for c in space.categories}
    categories = []
    for category in vocabulary.categories:
        if category.name in keys:
            key = canonical_key(keys[category.name])
            text = texts.get(key, key.replace('_', ' '))
            category = Category(category.name, key, text)
        categories.append(category)
    return replace(vocabulary, categories=tuple(categories))


def _spaces_of(vocabulary: Vocabulary, label_spaces: Sequence[Vocabulary]) -> list[Vocabulary]:
    """The label spaces that a file may have been written in."""
    names = [canonical_key(name) for name in vocabulary.names]
    entries = set(zip(vocabulary.ids, names))
    same = [s for s in label_spaces if entries <= set(zip(s.ids, map(canonical_key, s.names)))]
    return same or [s for s in label_spaces if set(names) <= set(map(canonical_key, s.names))]


def _settle(
    category: Category,
    vocabulary: Vocabulary,
    spaces: Sequence[Vocabulary],
    label_spaces: Sequence[Vocabulary],
) -> Category:
    meanings = _meanings(category.name, spaces or label_spaces)
    if len(meanings) > 1:
        raise ValueError(_which(category.name, vocabulary.name, meanings))
    if not spaces:
        return category
    ((key, text),) = meanings
    return Category(category.name, key, text)


def _meanings(name: str, spaces: Sequence[Vocabulary]) -> dict[tuple[str, str], list[str]]:
    """Key and text of a name, with the label spaces in which it has them."""
    found: dict[tuple[str, str], list[str]] = {}
    for space in spaces:
        for category in space.categories:
            if canonical_key(category.name) == canonical_key(name):
                found.setdefault((category.key, category.text), []).append(space.name)
    return found


def _which(name: str, vocabulary: str, meanings: Mapping[tuple[str, str], list[str]]) -> str:
    shown = ', '.join(f'{key!r} in {" and ".join(spaces)}' for (key, _), spaces in meanings.items())
    some = next(iter(meanings))[0]
    return (
        f'the name {name!r} has several meanings ({shown}), and the categories do not tell which: '
        'give it a "key" in the file, or load the file as '
        f'dict(name={vocabulary!r}, source=FILE, keys={{{name!r}: {some!r}}})'
    )
