"""Text encoders that write the rows of text banks, and read new words for a trained model."""

from .base import (
    DEFAULT_TEMPLATE,
    EncoderError,
    TextEncoder,
    embed_phrases,
    templates_of,
)
from .build import OFFICIAL, add_to_bank, build_bank, collect_categories
from .category_texts import CategoryTexts, check_encoder, encoder_of
from .minilm import MiniLMEncoder
from .open_clip_encoder import OpenClipEncoder

__all__ = [
    'OFFICIAL',
    'DEFAULT_TEMPLATE',
    'CategoryTexts',
    'EncoderError',
    'MiniLMEncoder',
    'OpenClipEncoder',
    'TextEncoder',
    'add_to_bank',
    'build_bank',
    'check_encoder',
    'collect_categories',
    'embed_phrases',
    'encoder_of',
    'templates_of',
]
