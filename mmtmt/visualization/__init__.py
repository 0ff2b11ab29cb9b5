"""Tracks on video: overlays, side by side with ground truth, and a page that shows them."""

from .colors import track_color
from .overlay import TrackPainter, add_banner, side_by_side
from .rendering import render_frames, render_video
from .report import contact_sheet, write_report
from .tracks import Track, tracks_from_annotations, tracks_from_prediction

__all__ = [
    'Track',
    'TrackPainter',
    'add_banner',
    'contact_sheet',
    'render_frames',
    'render_video',
    'side_by_side',
    'track_color',
    'tracks_from_annotations',
    'tracks_from_prediction',
    'write_report',
]
