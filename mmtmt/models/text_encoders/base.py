"""What a text encoder is, and how the phrase of a category is presented to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

# The recommended single prompt of CLIP.
DEFAULT_TEMPLATE = 'a photo of a {}.'
# open_clip's lists of prompts for ImageNet: 7 and 80 of them.
ENSEMBLES = {
    'ensemble': 'SIMPLE_IMAGENET_TEMPLATES',
    'ensemble80': 'OPENAI_IMAGENET_TEMPLATES',
}


class EncoderError(ValueError):
    """A text encoder that is not at hand, or not the one that is needed."""


class TextEncoder(Protocol):
    """A model from sentences to vectors.

    Attributes:
        name: What text banks record as their encoder.
    """

    name: str

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Embed sentences.

        Args:
            sentences: N sentences.

        Returns:
            float32 (N, d), unit rows.
        """


def templates_of(template: str) -> list[str]:
    """Spell out a choice of templates.

    Args:
        template: ``'ensemble'`` or ``'ensemble80'`` for open_clip's lists of prompts, else one
            template, or several with line breaks between.

    Returns:
        The templates, each with ``{}`` for the phrase.

    Raises:
        ValueError: If a template has no ``{}``.
    """
    if template in ENSEMBLES:
        import open_clip

        return [prompt('{}') for prompt in getattr(open_clip, ENSEMBLES[template])]
    templates = template.split('\n')
    wrong = [t for t in templates if t.count('{}') != 1]
    if wrong:
        raise ValueError(f'a template holds {{}} once, where the phrase goes; got {wrong[0]!r}')
    return templates


def embed_phrases(encoder: TextEncoder, phrases: Sequence[str], template: str) -> np.ndarray:
    """Embed phrases: of each the mean over the templates.

    Args:
        encoder: The encoder.
        phrases: K phrases, as ``'giant panda'``.
        template: As for `templates_of`.

    Returns:
        float32 (K, d), unit rows.
    """
    templates = templates_of(template)
    rows = encoder.encode([t.replace('{}', phrase) for phrase in phrases for t in templates])
    rows = rows.reshape(len(phrases), len(templates), -1).mean(axis=1)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
