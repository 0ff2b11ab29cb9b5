"""Helpers of the models."""
from .remap import RowReport, remap_class_rows
from .tensor_store import TensorStore

__all__ = ['RowReport', 'TensorStore', 'remap_class_rows']
