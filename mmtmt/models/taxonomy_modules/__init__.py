"""Taxonomy Compilation, Taxonomy Injection and the text classifier (TMT-VIS)."""
from .compilation import TaxonomyCompilation
from .injection import TaxonomyInjection
from .text_classifier import TextClassifier

__all__ = ['TaxonomyCompilation', 'TaxonomyInjection', 'TextClassifier']
