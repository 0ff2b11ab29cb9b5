"""Prediction heads."""
from .box_head import BoxHead, sigmoid_classifier
from .dynamic_mask_head import DynamicMaskHead
from .mask_head import MaskHead
from .semantic_head import SemanticHead

__all__ = ['BoxHead', 'DynamicMaskHead', 'MaskHead', 'SemanticHead', 'sigmoid_classifier']
