"""Helpers of the models."""
from .folding import fold_norms
from .remap import RowReport, remap_class_rows
from .tensor_store import TensorStore

__all__ = ['RowReport', 'TensorStore', 'fold_norms', 'remap_class_rows']
