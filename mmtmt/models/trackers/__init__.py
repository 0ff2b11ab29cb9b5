"""Linking of predictions over time."""
from .chunk_linking import ChunkLinker, chunk_length
from .memory_bank import MemoryBankTracker
from .prototype_memory import PrototypeMemory
from .query_matching import match_frames
from .suppression import greedy_suppression, mask_overlaps, select_detections
from .track_log import TrackLog

__all__ = [
    'ChunkLinker', 'MemoryBankTracker', 'PrototypeMemory', 'TrackLog', 'chunk_length',
    'greedy_suppression', 'mask_overlaps', 'match_frames', 'select_detections'
]
