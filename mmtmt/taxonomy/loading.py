"""Loading vocabularies by name, from files and from plain names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from mmtmt.structures.json_stream import read_json_stream

from .recognition import choose_keys, settle_meanings
from .vocabulary import Vocabulary, short

LABEL_SPACES = Path(__file__).parent / 'label_spaces'
ALIAS_FILE = LABEL_SPACES / 'aliases.json'


def registered_vocabularies() -> list[str]:
    """Return the names of the label spaces that come with the package."""
    return sorted(path.stem for path in LABEL_SPACES.glob('*.json') if path != ALIAS_FILE)


def load_vocabulary(vocabulary: str | Path | Mapping[str, Any] | Vocabulary) -> Vocabulary:
    """Load a vocabulary from whatever names it.

    Args:
        vocabulary: One of

            - the name of a label space of the package (``'ytvis19'``);
            - the path of a vocabulary file or of any dataset json with ``categories``; the
              vocabulary is then named by the file's ``name``, else by its stem. Names mean what
              they mean in the label space that the file is of, see :func:`vocabulary_of_file`; one
              that says to be a label space of the package must hold exactly its categories;
            - ``dict(name=..., source=PATH)``, the same under a name of one's own; with the name of
              a label space of the package, the file must hold exactly its categories and lends
              its ids;
            - ``dict(name=..., names=[...])``, plain names with ids 1, 2, ..., each meaning itself;
            - either dict with ``keys={name: key}``, the meaning of names that have several;
            - a :class:`Vocabulary`, which is returned as it is.

    Returns:
        The vocabulary.

    Raises:
        ValueError: If the name is unknown (the known ones are listed) or the file does not hold
            categories.
        TypeError: If the argument is none of the above.
    """
    if isinstance(vocabulary, Vocabulary):
        return vocabulary
    if isinstance(vocabulary, Mapping):
        return _load_mapping(vocabulary)
    if not isinstance(vocabulary, (str, Path)):
        raise TypeError(
            f'a vocabulary is a name, a path, a dict or a Vocabulary, got {short(vocabulary)}'
        )
    if isinstance(vocabulary, str) and vocabulary in registered_vocabularies():
        return _load_registered(vocabulary)
    path = Path(vocabulary)
    if path.suffix != '.json' and not path.is_file():
        raise ValueError(
            f'unknown vocabulary {str(vocabulary)!r}: neither the path of a json file '
            f'nor one of {", ".join(registered_vocabularies())}'
        )
    data = _read_categories(path)
    name = data['name'] if isinstance(data.get('name'), str) else path.stem
    if data.get('name') in registered_vocabularies():
        return _load_registered(name).adopt_ids(data.get('categories'), str(path))
    return vocabulary_of_file(name, data.get('categories'), str(path))


def parse_vocabulary(text: str) -> Vocabulary:
    """Read a vocabulary as it is written on a command line.

    Args:
        text: The name of a label space, the path of a json file, or names with commas between
            (``'zebra, red car'``).

    Returns:
        The vocabulary; one of plain names is called ``given``.

    Raises:
        ValueError: If there is no name in it, or a file is not one with categories.
    """
    if text in registered_vocabularies() or text.endswith('.json'):
        return load_vocabulary(text)
    names = [name.strip() for name in text.split(',') if name.strip()]
    return Vocabulary.from_names('given', names)


def vocabulary_of_file(
    name: str, categories: Any, where: str, keys: Mapping[str, str] | None = None
) -> Vocabulary:
    """Read the ``categories`` of a file that is not known to be of a label space of the package.

    When it is one all the same, or a part of one, its names mean what they mean there: ``mouse``
    in a copy of COCO's file stands on the desk. See :func:`settle_meanings`.

    Args:
        name: Name of the vocabulary.
        categories: The list as it stands in the file.
        where: What to call the file in errors.
        keys: Name to key, for names with several meanings.

    Returns:
        The vocabulary.

    Raises:
        ValueError: If the list is not one of categories, ids, names or keys repeat, or a name has
            several meanings and nothing says which one is meant.
    """
    found = Vocabulary.from_categories(name, categories, where)
    told = {entry['name'] for entry in categories if 'key' in entry} | set(keys or ())
    try:
        found = settle_meanings(found, _label_spaces(), told)
        return choose_keys(found, keys or {}, _label_spaces())
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def read_json(path: str | Path, object_pairs_hook: Callable | None = None) -> dict[str, Any]:
    """Read a json file whose top level is an object.

    Args:
        path: The file.
        object_pairs_hook: As for ``json.loads``; a ValueError that it raises names the file too.

    Returns:
        The object.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not json or its top level is not an object.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
        data = json.loads(text, object_pairs_hook=object_pairs_hook)
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ValueError(f'{path}: not a readable json file ({error})') from None
    if not isinstance(data, dict):
        raise ValueError(f'{path}: expected a json object at the top level, got {short(data)}')
    return data


def _read_categories(path: str | Path) -> dict[str, Any]:
    """Read a file for its categories: a dataset's videos and masks are dropped as they come."""
    return read_json_stream(
        path, element_hook=lambda key, entry: entry if key == 'categories' else None
    )


@cache
def _load_registered(name: str) -> Vocabulary:
    data = read_json(LABEL_SPACES / f'{name}.json')
    return replace(
        Vocabulary.from_categories(name, data['categories'], f'{name}.json'), source=data['source']
    )


def _label_spaces() -> list[Vocabulary]:
    return [_load_registered(name) for name in registered_vocabularies()]


def _load_mapping(spec: Mapping[str, Any]) -> Vocabulary:
    name, keys = spec.get('name'), spec.get('keys', {})
    if (
        set(spec) - {'keys'} not in ({'name', 'source'}, {'name', 'names'})
        or not isinstance(name, str)
        or not isinstance(keys, Mapping)
    ):
        raise ValueError(
            'a vocabulary dict holds "name", either "source" or "names", and perhaps "keys" '
            f'{{name: key}}, got {short(dict(spec))}'
        )
    if 'names' in spec:
        names = spec['names']
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            raise ValueError(f'vocabulary {name!r}: expected names as a list, got {short(names)}')
        return choose_keys(Vocabulary.from_names(name, spec['names']), keys, _label_spaces())
    categories = _read_categories(spec['source']).get('categories')
    if name in registered_vocabularies():
        if keys:
            raise ValueError(f'"keys" of vocabulary {name!r}: what its names mean is known')
        return _load_registered(name).adopt_ids(categories, str(spec['source']))
    return vocabulary_of_file(name, categories, str(spec['source']), keys)
