"""The files that text banks come in: our own, and arrays that others published."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from mmtmt.structures.atomic import replacing

from .loading import load_vocabulary, read_json, registered_vocabularies

BANKS = Path(__file__).parent / 'banks'
FORMAT = 'mmtmt text bank 1'
# Keys of one name in several label spaces should hold one row; published arrays differ by rounding.
SAME_ROW = 1e-2


def shipped_banks() -> list[str]:
    """Return the names of the banks that come with the package."""
    return sorted(path.stem for path in BANKS.glob('*.safetensors'))


def write_bank(
    path: str | Path, embeddings: np.ndarray, mean: np.ndarray, described: Mapping[str, Any]
) -> None:
    """Write a bank file, by way of a temporary name in the same folder.

    Args:
        path: The file, ending in ``.safetensors``.
        embeddings: (K, d) in the type to store.
        mean: float32 (d,).
        described: What else is to be kept: strings, or lists of strings, by name.

    Raises:
        ValueError: If the file has another ending.
    """
    path = Path(path)
    if path.suffix != '.safetensors':
        raise ValueError(f'a text bank is written as .safetensors, got {path}')
    metadata = {'format': FORMAT} | {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in described.items()
    }
    content = save({'embeddings': embeddings, 'mean': mean}, metadata=metadata)
    with replacing(path) as file:
        file.write(_sorted_header(content))


def _sorted_header(content: bytes) -> bytes:
    """Order the header of a safetensors file, so that equal banks are equal files."""
    start = 8 + int.from_bytes(content[:8], 'little')
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, ensure_ascii=False).encode()
    header += b' ' * (-len(header) % 8)
    return len(header).to_bytes(8, 'little') + header + content[start:]


def read_bank(path: Path, names: Sequence[str] | None, encoder: str | None) -> dict[str, Any]:
    """Read a bank file of any known layout.

    Args:
        path: The file.
        names: Names of the rows, for a file with a bare array.
        encoder: The model, where the file does not name it.

    Returns:
        Arguments of ``TextBank.from_arrays``.

    Raises:
        ValueError: If the layout is not known, telling what was found.
    """
    arrays, metadata = _read_arrays(path)
    if names is not None:
        if len(arrays) != 1:
            raise ValueError(
                f'{path}: names were given, so one array is expected, got {sorted(arrays)}'
            )
        rows = next(iter(arrays.values()))
        if rows.ndim != 2 or len(rows) != len(names):
            raise ValueError(
                f'{path}: {len(names)} names were given, but the array has shape {rows.shape}'
            )
        return {'keys': names, 'embeddings': rows, 'encoder': encoder or _unknown_encoder(path)}
    if 'embeddings' in arrays:
        return _own_layout(path, arrays, metadata, encoder)
    spaces = [name for name in arrays if name in registered_vocabularies()]
    if spaces:
        return _arrays_per_label_space(path, {name: arrays[name] for name in spaces}, encoder)
    raise ValueError(
        f'{path}: not a text bank: expected an array "embeddings" with "keys", or arrays named '
        f'after label spaces ({", ".join(registered_vocabularies())}), got {sorted(arrays)}; '
        'for a bare array give names'
    )


def _read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, framework='numpy') as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {path.stem: loaded}, {}
        with loaded:
            return {key: loaded[key] for key in loaded.files}, {}
    except Exception as error:  # on damaged files NumPy lets out whatever its parsers raise
        raise ValueError(
            f'{path}: not a readable .safetensors, .npz or .npy file ({error})'
        ) from error


def _own_layout(
    path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str], encoder: str | None
) -> dict[str, Any]:
    """Metadata beside the arrays in safetensors; arrays of strings among them in npz."""

    def words(name: str) -> list[str]:
        if name in arrays:
            return [str(word) for word in np.atleast_1d(arrays[name])]
        told = metadata.get(name, '[]')
        try:
            found = json.loads(told)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise ValueError(f'{path}: "{name}" must be a json list of strings, got {told[:80]!r}')
        return found

    def word(name: str, default: str) -> str:
        return str(arrays[name]) if name in arrays else metadata.get(name, default)

    keys = words('keys') or words('names')
    if not keys:
        raise ValueError(f'{path}: "embeddings" come without "keys" (or "names")')
    return {
        'keys': keys,
        'embeddings': arrays['embeddings'],
        'mean': arrays.get('mean'),
        'encoder': word('encoder', '') or encoder or _unknown_encoder(path),
        'texts': tuple(words('texts')),
        'names': tuple(words('names')),
        'template': word('template', '{}'),
        'model': word('model', ''),
        'tag': word('tag', ''),
        'hash': word('hash', ''),
        'license': word('license', ''),
        'placeholders': frozenset(words('placeholders')),
    }


def _arrays_per_label_space(
    path: Path, arrays: dict[str, np.ndarray], encoder: str | None
) -> dict[str, Any]:
    """Rows in official order; what several label spaces hold is taken from the first."""
    lengths = {space: array.shape[1:] for space, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f'{path}: the arrays differ in length of rows: {lengths}')
    told = read_json(path.with_suffix('.json')) if path.with_suffix('.json').is_file() else {}
    rows: dict[str, np.ndarray] = {}
    placeholders = set()
    for space, array in arrays.items():
        vocabulary = load_vocabulary(space)
        if array.ndim != 2 or len(array) != len(vocabulary):
            raise ValueError(
                f'{path}: {space!r} has shape {array.shape}, expected ({len(vocabulary)}, d)'
            )
        derived = _placeholders(path, space, vocabulary.names, told.get(space))
        for key, row, is_derived in zip(vocabulary.keys, array.astype(np.float32), derived):
            if key not in rows or (key in placeholders and not is_derived):
                rows[key] = row
                placeholders.discard(key)
                if is_derived:
                    placeholders.add(key)
            elif not is_derived and np.abs(rows[key] - row).max() > SAME_ROW * np.abs(row).max():
                logging.getLogger(__name__).warning(
                    '%s: the row of %r in %s differs from an earlier one, which is kept',
                    path,
                    key,
                    space,
                )
    meaningful = [row for key, row in rows.items() if key not in placeholders]
    return {
        'keys': list(rows),
        'embeddings': np.stack(list(rows.values())),
        'mean': np.mean(meaningful, axis=0) if meaningful else None,
        'encoder': encoder or _unknown_encoder(path),
        'placeholders': frozenset(placeholders),
    }


def _placeholders(path: Path, space: str, names: list[str], told: Any) -> list[bool]:
    """Which rows the file beside the arrays calls derived, that is, without a text of their own."""
    if told is None:
        return [False] * len(names)
    if not isinstance(told, list) or [t.get('name') for t in told if isinstance(t, dict)] != names:
        raise ValueError(
            f'{path.with_suffix(".json")}: names of {space!r} are not those of the label space'
        )
    return [str(entry.get('match', '')).startswith('derived') for entry in told]


def _unknown_encoder(path: Path) -> str:
    return f'unknown ({path.stem})'
