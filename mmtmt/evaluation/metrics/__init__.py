"""Metrics for mmengine's evaluator."""

from .video_instance_metric import VideoInstanceMetric

__all__ = ['VideoInstanceMetric']
