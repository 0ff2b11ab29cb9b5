"""Helpers of the models."""
from .remap import RowReport, remap_class_rows

__all__ = ['RowReport', 'remap_class_rows']
