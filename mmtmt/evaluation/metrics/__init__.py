"""Metrics for mmengine's evaluator."""

from .video_instance_metric import TABLE_COLUMNS, VideoInstanceMetric, format_table

__all__ = ['TABLE_COLUMNS', 'VideoInstanceMetric', 'format_table']
