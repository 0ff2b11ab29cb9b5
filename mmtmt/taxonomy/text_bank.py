"""Text embeddings of category names, kept in a file beside the encoder's name."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from .bank_files import BANKS, read_bank, shipped_banks, write_bank
from .taxonomy import Taxonomy
from .vocabulary import Vocabulary, canonical_key

Keys = Sequence[str] | Vocabulary | Taxonomy
HOW_TO_ADD = 'tools/dataset_converters/build_text_bank.py --add BANK puts them in'


@dataclass(frozen=True, eq=False)
class TextBank:
    """Embeddings of category names by one encoder.

    Attributes:
        keys: Key of each row, all different.
        embeddings: float32 (K, d), as the encoder gave them.
        mean: float32 (d,), what :meth:`whiten` subtracts. It is stored so that rows mean the same
            whichever categories are looked up.
        encoder: The model that wrote the rows; new words can only be embedded with the same.
        texts: The phrase of each row, put into the template; may be empty when not known.
        names: The raw name of each row; may be empty when not known.
        template: How a phrase was presented to the encoder, ``{}`` standing for it. Several, a line
            each, stand for the mean over them.
        model: For an encoder of open_clip its architecture, as ``'RN50'``.
        tag: For an encoder of open_clip its weights, as ``'openai'``.
        license: Licence of the encoder's weights.
        placeholders: Keys whose rows carry no meaning of their own (some published banks fill
            gaps with one mean vector).
        where: The file, for errors.
    """

    keys: tuple[str, ...]
    embeddings: np.ndarray
    mean: np.ndarray
    encoder: str
    texts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    template: str = '{}'
    model: str = ''
    tag: str = ''
    license: str = ''
    placeholders: frozenset[str] = field(default_factory=frozenset)
    where: str = 'text bank'

    def __post_init__(self) -> None:
        rows = self.embeddings
        if (
            rows.ndim != 2
            or rows.dtype != np.float32
            or len(rows) != len(self.keys)
            or not rows.size
        ):
            raise ValueError(
                f'{self.where}: expected float32 embeddings of shape ({len(self.keys)} keys, d), '
                f'got {rows.dtype} {rows.shape}'
            )
        if self.mean.shape != rows.shape[1:]:
            raise ValueError(
                f'{self.where}: mean has shape {self.mean.shape}, expected {rows.shape[1:]}'
            )
        for words in ('texts', 'names'):
            count = len(getattr(self, words))
            if count and count != len(self.keys):
                raise ValueError(f'{self.where}: {len(self.keys)} keys but {count} {words}')
        if len(self._index) < len(self.keys):
            repeated = sorted({k for k in self.keys if self.keys.count(k) > 1})
            raise ValueError(f'{self.where}: keys {repeated} stand twice')
        bad = [k for k, row in zip(self.keys, rows) if not np.isfinite(row).all() or not row.any()]
        if bad or not np.isfinite(self.mean).all():
            raise ValueError(f'{self.where}: rows of {bad or "the mean"} are zero or not finite')

    @cached_property
    def _index(self) -> dict[str, int]:
        return {key: index for index, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    @property
    def dim(self) -> int:
        """Length d of an embedding."""
        return self.embeddings.shape[1]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of encoder, template, mean and rows by key, whatever their order or file type."""
        digest = hashlib.sha256(f'{self.encoder}\n{self.template}\n{self.dim}\n'.encode())
        digest.update(self.mean.astype('<f4').tobytes())
        for key in sorted(self.keys):
            digest.update(key.encode() + b'\n')
            digest.update(self.embeddings[self._index[key]].astype('<f4').tobytes())
        return digest.hexdigest()

    @cached_property
    def origin(self) -> str:
        """SHA-256 of encoder, template and mean: the same before and after words were added."""
        digest = hashlib.sha256(f'{self.encoder}\n{self.template}\n{self.dim}\n'.encode())
        digest.update(self.mean.astype('<f4').tobytes())
        return digest.hexdigest()

    @classmethod
    def from_arrays(
        cls,
        keys: Iterable[str],
        embeddings: np.ndarray,
        encoder: str,
        mean: np.ndarray | None = None,
        **described: object,
    ) -> TextBank:
        """Make a bank of rows in memory.

        Args:
            keys: Names or keys, one per row.
            embeddings: (K, d), any float type.
            encoder: The model that wrote the rows.
            mean: (d,); by default the mean of the rows.
            **described: Further attributes: texts, names, template, model, tag, license,
                placeholders, where.

        Returns:
            The bank.
        """
        rows = np.asarray(embeddings).astype(np.float32)
        if mean is None:
            mean = rows.mean(axis=0) if rows.ndim == 2 and len(rows) else np.zeros(0)
        mean = np.asarray(mean).astype(np.float32)
        return cls(tuple(canonical_key(k) for k in keys), rows, mean, encoder, **described)

    @classmethod
    def load(
        cls,
        bank: str | Path | TextBank,
        names: Sequence[str] | Vocabulary | None = None,
        encoder: str | None = None,
    ) -> TextBank:
        """Load a bank.

        Args:
            bank: A shipped bank (``'minilm'``); a file written by :meth:`save`; a ``.npz`` or
                ``.safetensors`` file with one array (K, d) per label space, named as that (a
                ``.json`` file of the same stem beside it is read for what it tells of the rows);
                with ``names``, a bare ``.npy`` array or a file with a single array. A TextBank is
                returned as it is.
            names: Names of the rows of a bare array.
            encoder: The model, where the file does not name it.

        Returns:
            The bank; float16 rows become float32.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a bank, telling what was found.
        """
        if isinstance(bank, TextBank):
            return bank
        path = BANKS / f'{bank}.safetensors' if str(bank) in shipped_banks() else Path(bank)
        if not path.is_file():
            raise FileNotFoundError(
                f'text bank {str(bank)!r}: neither a file nor one of the shipped banks '
                f'({", ".join(shipped_banks())})'
            )
        if isinstance(names, Vocabulary):
            names = names.keys
        read = read_bank(path, names, encoder)
        stored_hash = read.pop('hash', '')
        found = cls.from_arrays(**read, where=str(path))
        if stored_hash and found.hash != stored_hash:
            raise ValueError(
                f'{path}: the rows are not those that were written: the file was damaged or edited'
            )
        return found

    @classmethod
    def random(cls, keys: Keys, dim: int = 64, seed: int = 0) -> TextBank:
        """Make a bank of seeded random directions, for tests and as a control.

        The row of a key depends on the key, the length and the seed alone.

        Args:
            keys: Keys, or a vocabulary or taxonomy for its keys.
            dim: Length d of a row.
            seed: The seed.

        Returns:
            The bank: unit rows, mean zero.
        """
        keys = [canonical_key(k) for k in getattr(keys, 'keys', keys)]
        rows = np.stack([_random_row(key, dim, seed) for key in keys])
        return cls.from_arrays(keys, rows, f'random(dim={dim}, seed={seed})', mean=np.zeros(dim))

    def save(self, path: str | Path, dtype: str = 'float16') -> None:
        """Write the bank as safetensors, with everything but the arrays in the metadata.

        Args:
            path: The file, ending in ``.safetensors``.
            dtype: Type of the stored rows; the mean stays float32, and so do the rows if one of
                them is too long or too short for half precision.
        """
        longest = np.abs(self.embeddings).max(axis=1)
        fits = dtype != 'float16' or bool(((longest > 1e-3) & (longest < 6e4)).all())
        stored = self.embeddings.astype(dtype if fits else 'float32')
        described = {
            'keys': list(self.keys),
            'names': list(self.names),
            'texts': list(self.texts),
            'encoder': self.encoder,
            'model': self.model,
            'tag': self.tag,
            'template': self.template,
            'license': self.license,
            'placeholders': sorted(self.placeholders),
            'hash': replace(self, embeddings=stored.astype(np.float32)).hash,
        }
        write_bank(path, stored, self.mean, described)

    def missing(self, keys: Keys) -> list[str]:
        """Tell which categories have no row.

        Args:
            keys: As for :meth:`lookup`.

        Returns:
            The keys without a row; for a taxonomy the alternatives of a row, as ``'car or sedan'``.
        """
        wanted, _ = _wanted(keys)
        return [' or '.join(choices) for choices in wanted if not set(choices) & set(self._index)]

    def extended(self, vocabulary: Vocabulary, embeddings: np.ndarray) -> TextBank:
        """Add rows of the same encoder, put into the same template.

        The mean stays, so that every row means what it meant before.

        Args:
            vocabulary: The categories to add.
            embeddings: (K, d), their rows.

        Returns:
            The longer bank.

        Raises:
            ValueError: If the bank has one of them already, or the rows have another length.
        """
        present = [key for key in vocabulary.keys if key in self]
        rows = np.asarray(embeddings)
        if present or rows.shape != (len(vocabulary), self.dim):
            raise ValueError(
                f'{self.where}: expected ({len(vocabulary)}, {self.dim}) rows of new keys, got '
                f'{rows.shape} (already there: {present})'
            )
        texts = self.texts or tuple(key.replace('_', ' ') for key in self.keys)
        names = self.names or texts
        return replace(
            self,
            keys=(*self.keys, *vocabulary.keys),
            embeddings=np.concatenate([self.embeddings, rows.astype(np.float32)]),
            texts=(*texts, *vocabulary.texts),
            names=(*names, *vocabulary.names),
        )

    def lookup(self, keys: Keys) -> np.ndarray:
        """Return the rows of categories.

        Args:
            keys: Keys, a vocabulary, or a taxonomy. For a taxonomy, each row of the union is
                looked up under the first of its ``text_keys`` that the bank holds.

        Returns:
            float32 (K, d), a copy.

        Raises:
            ValueError: If the bank misses categories, naming them all.
        """
        wanted, of = _wanted(keys)
        if missing := self.missing(keys):
            raise ValueError(
                f'text bank {self.where} (encoder {self.encoder}, {len(self)} keys) has no '
                f'embedding for {len(missing)} of the {len(wanted)} categories of the {of}: '
                f'{", ".join(missing)}. {HOW_TO_ADD}'
            )
        found = [next(k for k in choices if k in self._index) for choices in wanted]
        empty = [k for k in found if k in self.placeholders]
        if empty:
            logging.getLogger(__name__).warning(
                '%s: the rows of %s are placeholders without meaning', self.where, ', '.join(empty)
            )
        return self.embeddings[[self._index[k] for k in found]]

    def whiten(
        self, rows: np.ndarray, center: bool = True, normalize: bool = True, scale: bool = True
    ) -> np.ndarray:
        """Spread rows that are nearly parallel, as those of CLIP are.

        Args:
            rows: float32 (K, d), from :meth:`lookup`.
            center: Subtract the bank's mean.
            normalize: Divide each row by its Euclidean norm.
            scale: Multiply by sqrt(d), so that entries are of order one.

        Returns:
            float32 (K, d).
        """
        rows = np.asarray(rows, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise ValueError(
                f'{self.where}: expected rows of shape (K, {self.dim}), got {rows.shape}'
            )
        if center:
            rows = rows - self.mean
        if normalize:
            # A row that is the mean itself has no direction: it becomes zero, not noise, also
            # where it was stored in half precision, which moves it by 5e-4 of its length at most.
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            smallest = 1e-3 * np.linalg.norm(self.embeddings, axis=1).mean()
            rows = np.where(norms > smallest, rows / np.maximum(norms, smallest), 0.0)
        if scale:
            rows = rows * np.sqrt(self.dim)
        return rows.astype(np.float32)


def _wanted(keys: Keys) -> tuple[list[list[str]], str]:
    """The keys under which each category may be found, the best first, and whose they are."""
    if isinstance(keys, Taxonomy):
        return keys.text_keys, f'taxonomy over {keys.vocabulary_names}'
    if isinstance(keys, Vocabulary):
        return [[key] for key in keys.keys], f'vocabulary {keys.name!r}'
    return [[canonical_key(key)] for key in keys], 'given keys'


def _random_row(key: str, dim: int, seed: int) -> np.ndarray:
    digest = hashlib.sha256(f'{seed}:{key}'.encode()).digest()
    row = np.random.default_rng(int.from_bytes(digest[:8], 'little')).standard_normal(dim)
    return row / np.linalg.norm(row)
