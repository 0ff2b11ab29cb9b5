"""Tracks on video: overlays, side by side with ground truth, and pages that show them and what an
evaluation found."""

from .analysis_report import analysis_page
from .colors import track_color
from .overlay import TrackPainter, add_banner, side_by_side
from .rendering import render_frames, render_video
from .report import contact_sheet, write_report
from .sheets import clip_row, stack_images, track_sheet, write_png
from .tables import Table, analysis_tables, comparison_tables, write_csv
from .tracks import Track, share_numbers, tracks_from_prediction
from .worst_videos import frame_files, worst_video_sheets

__all__ = [
    'Table',
    'Track',
    'TrackPainter',
    'add_banner',
    'analysis_page',
    'analysis_tables',
    'clip_row',
    'comparison_tables',
    'contact_sheet',
    'frame_files',
    'render_frames',
    'render_video',
    'share_numbers',
    'side_by_side',
    'stack_images',
    'track_color',
    'track_sheet',
    'tracks_from_prediction',
    'worst_video_sheets',
    'write_csv',
    'write_png',
    'write_report',
]
