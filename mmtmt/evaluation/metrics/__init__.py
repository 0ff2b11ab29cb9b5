"""Metrics for mmengine's evaluator."""

from .taxonomy_recall import TaxonomyRecall
from .video_instance_metric import TABLE_COLUMNS, VideoInstanceMetric, format_table

__all__ = ['TABLE_COLUMNS', 'TaxonomyRecall', 'VideoInstanceMetric', 'format_table']
