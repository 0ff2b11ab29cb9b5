"""Matching of predictions and ground truth."""
from .contrast_selector import ContrastSelector
from .hungarian_matcher import VideoHungarianMatcher, solve
from .ota_assigner import OTAAssigner
from .uvla import assign_new_instances

__all__ = [
    'ContrastSelector', 'OTAAssigner', 'VideoHungarianMatcher', 'assign_new_instances', 'solve'
]
