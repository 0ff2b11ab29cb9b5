"""Linking of predictions over time."""
from .query_matching import match_frames, match_queries

__all__ = ['match_frames', 'match_queries']
