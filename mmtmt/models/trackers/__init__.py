"""Linking of predictions over time."""
from .memory_bank import MemoryBankTracker
from .prototype_memory import PrototypeMemory
from .query_matching import match_frames, match_queries
from .suppression import greedy_suppression, mask_overlaps, select_detections
from .track_log import TrackLog

__all__ = [
    'MemoryBankTracker', 'PrototypeMemory', 'TrackLog', 'greedy_suppression', 'mask_overlaps',
    'match_frames', 'match_queries', 'select_detections'
]
