"""Prediction heads."""
from .mask_head import MaskHead
from .semantic_head import SemanticHead

__all__ = ['MaskHead', 'SemanticHead']
