"""Linking of predictions over time."""
from .query_matching import match_queries

__all__ = ["match_queries"]
