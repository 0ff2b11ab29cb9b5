"""Finds what is wrong with a dataset, all of it, and makes a repaired copy."""

from .check import check_dataset, is_usable
from .problems import KINDS, Problem, Report

__all__ = ['KINDS', 'Problem', 'Report', 'check_dataset', 'is_usable']
