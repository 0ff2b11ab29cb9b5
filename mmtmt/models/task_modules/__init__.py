"""Matching of predictions and ground truth."""
from .hungarian_matcher import VideoHungarianMatcher

__all__ = ["VideoHungarianMatcher"]
