"""Predicting videos from Python."""

from .inference import VideoInstances, VISInferencer, init_model

__all__ = ['VISInferencer', 'VideoInstances', 'init_model']
