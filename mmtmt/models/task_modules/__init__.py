"""Matching of predictions and ground truth."""
from .hungarian_matcher import VideoHungarianMatcher, solve
from .uvla import assign_new_instances

__all__ = ['VideoHungarianMatcher', 'assign_new_instances', 'solve']
