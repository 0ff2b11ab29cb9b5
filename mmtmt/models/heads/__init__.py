"""Prediction heads."""
from .mask_head import MaskHead

__all__ = ["MaskHead"]
