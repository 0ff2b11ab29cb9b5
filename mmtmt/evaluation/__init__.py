"""Evaluation: `functional` needs neither models nor torch; `metrics`, imported on its own, plugs it
into mmengine."""

from .functional import STATS_NAMES, evaluate

__all__ = ['STATS_NAMES', 'evaluate']
