"""The text embeddings that a model reads: rows of a bank, and of its encoder for new words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmtmt.models.text_encoders.base import EncoderError, TextEncoder, embed_phrases
from mmtmt.models.text_encoders.minilm import NAME as MINILM
from mmtmt.models.text_encoders.minilm import MiniLMEncoder
from mmtmt.models.text_encoders.open_clip_encoder import OpenClipEncoder
from mmtmt.taxonomy import Taxonomy, TextBank, Vocabulary

# Rows of the same encoder differ by rounding alone: half precision in the file, another machine.
SAME_ENCODER = 0.999
PROBES = 5


class CategoryTexts:
    """Embeddings of category names, whitened.

    Args:
        path: The bank: a file, or the name of a shipped one.
        center: Subtract the bank's mean.
        normalize: Divide each row by its length.
        scale: Multiply by the square root of the dimension.
        encoder_weights: Where the weights of the bank's encoder lie, for words that the bank
            misses; None looks in the cache of the hub.
    """

    def __init__(
        self,
        *,
        path: str | Path | TextBank,
        center: bool = True,
        normalize: bool = True,
        scale: bool = True,
        encoder_weights: str | Path | None = None,
    ) -> None:
        self.bank = TextBank.load(path)
        self.whitening = dict(center=center, normalize=normalize, scale=scale)
        self.encoder_weights = encoder_weights
        self._words = self.bank  # with what was embedded since

    def rows(self, categories: Taxonomy | Vocabulary) -> np.ndarray:
        """Look categories up.

        Args:
            categories: A taxonomy or a vocabulary.

        Returns:
            float32 (K, d).

        Raises:
            ValueError: If the bank misses a category, naming all of them.
        """
        return self.bank.whiten(self.bank.lookup(categories), **self.whitening)

    def rows_of_any(
        self, vocabulary: Vocabulary, device: str | torch.device = 'cpu'
    ) -> np.ndarray:
        """Look categories up, and embed what the bank misses with the encoder that it records.

        Args:
            vocabulary: Any vocabulary.
            device: Where the encoder is to run.

        Returns:
            float32 (K, d).

        Raises:
            EncoderError: If the encoder is needed and not at hand, or not the one that wrote the
                bank; the words are named.
        """
        new = [c for c in vocabulary.categories if c.key not in self._words]
        if new:
            try:
                encoder = encoder_of(self.bank, self.encoder_weights, device)
                check_encoder(self.bank, encoder)
            except EncoderError as error:
                raise EncoderError(
                    f'the text bank {self.bank.where} misses {[c.name for c in new]}, and they can '
                    f'not be embedded: {error}'
                ) from error
            rows = embed_phrases(encoder, [c.text for c in new], self.bank.template)
            added = Vocabulary(vocabulary.name, tuple(new), tuple(range(1, len(new) + 1)))
            self._words = self._words.extended(added, rows)
        return self.bank.whiten(self._words.lookup(vocabulary), **self.whitening)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of the bank: hashes, encoder and whitening."""
        return dict(
            hash=self.bank.hash, origin=self.bank.origin, encoder=self.bank.encoder,
            **self.whitening)  # fmt: skip


def encoder_of(
    bank: TextBank, weights: str | Path | None = None, device: str | torch.device = 'cpu'
) -> TextEncoder:
    """Load the encoder that wrote a bank.

    Args:
        bank: The bank.
        weights: Where its weights lie; None looks in the cache of the hub. Of open_clip's alone.
        device: Where to run.

    Returns:
        The encoder.

    Raises:
        EncoderError: If it can't be loaded, with what is missing.
    """
    if bank.model:
        return OpenClipEncoder(bank.model, bank.tag, weights, device)
    if bank.encoder == MINILM:
        if weights is not None:
            raise EncoderError(
                f'{bank.where} was written by {MINILM}, whose package brings its weights along: '
                f'expected no weights for it, got {weights}'
            )
        return MiniLMEncoder()
    raise EncoderError(
        f'{bank.where} was written by {bank.encoder!r}, which is none that can be loaded: take a '
        'bank of tools/dataset_converters/build_text_bank.py'
    )


def check_encoder(bank: TextBank, encoder: TextEncoder) -> None:
    """Let an encoder write some rows of a bank again and compare.

    Args:
        bank: The bank.
        encoder: The encoder.

    Raises:
        EncoderError: If the rows differ, or the bank doesn't tell of any phrase that it holds.
    """
    rows = [i for i, key in enumerate(bank.keys) if key not in bank.placeholders][:PROBES]
    if not bank.texts or not rows:
        raise EncoderError(f'{bank.where} does not tell the phrases that its rows were made of')
    again = embed_phrases(encoder, [bank.texts[i] for i in rows], bank.template)
    stored = bank.embeddings[rows]
    if again.shape != stored.shape:
        raise EncoderError(
            f'{encoder.name} gives rows of {again.shape[1]}, those of {bank.where} have {bank.dim}'
        )
    cosines = (again * stored).sum(axis=1) / np.linalg.norm(stored, axis=1)
    if cosines.min() < SAME_ENCODER:
        worst = rows[int(cosines.argmin())]
        raise EncoderError(
            f'{encoder.name} is not the encoder that wrote {bank.where}: its row of '
            f'{bank.texts[worst]!r} has a cosine of {cosines.min():.3f} with the stored one'
        )
