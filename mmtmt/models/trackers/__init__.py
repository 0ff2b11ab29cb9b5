"""Linking of predictions over time."""
from .prototype_memory import PrototypeMemory
from .query_matching import match_frames, match_queries

__all__ = ['PrototypeMemory', 'match_frames', 'match_queries']
