"""What the categories are: vocabularies, their union, and the embeddings of their names.

Plain Python and NumPy; nothing here imports PyTorch.
"""

from .aliases import AliasTable
from .label_map import LabelMap
from .loading import (
    load_vocabulary,
    parse_vocabulary,
    registered_vocabularies,
    vocabulary_of_file,
)
from .report import TaxonomyReport
from .taxonomy import Taxonomy
from .text_bank import TextBank
from .vocabulary import Category, Vocabulary, canonical_key

__all__ = [
    'AliasTable',
    'Category',
    'LabelMap',
    'Taxonomy',
    'TaxonomyReport',
    'TextBank',
    'Vocabulary',
    'canonical_key',
    'load_vocabulary',
    'parse_vocabulary',
    'registered_vocabularies',
    'vocabulary_of_file',
]
