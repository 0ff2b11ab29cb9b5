"""Videos of tracks over their frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmtmt.structures.frame_source import FrameSource
from mmtmt.utils.video import DEFAULT_FPS, VideoWriter

from .overlay import TrackPainter, add_banner, side_by_side
from .tracks import Track

# Frames decoded at a time, so that memory doesn't grow with the video.
CHUNK = 8


def render_frames(
    source: FrameSource,
    tracks: Sequence[Track],
    ground_truth: Sequence[Track] | None = None,
    *,
    title: str = '',
) -> Iterator[np.ndarray]:
    """Draws tracks onto every frame of a video.

    Args:
        source: The frames; drawn at their stored size or a multiple of it.
        tracks: Predictions.
        ground_truth: When given, it is shown at the left of the predictions.
        title: Put above the frames, with the number of the frame.

    Yields:
        (H, W, 3) uint8, RGB.
    """
    painter = TrackPainter(tracks, source.ori_shape)
    truth_painter = None
    if ground_truth is not None:
        truth_painter = TrackPainter(ground_truth, source.ori_shape)
    for start in range(0, len(source), CHUNK):
        frames = source.decode(start, min(start + CHUNK, len(source)))
        for index, frame in enumerate(frames, start=start):
            picture = painter.draw(frame, index)
            note = f'{index + 1} / {len(source)}'
            if truth_painter is not None:
                left = add_banner(truth_painter.draw(frame, index), 'ground truth', title)
                picture = side_by_side(left, add_banner(picture, 'prediction', note))
            elif title:
                picture = add_banner(picture, title, note)
            yield picture


def render_video(
    source: FrameSource,
    tracks: Sequence[Track],
    path: str | Path,
    *,
    ground_truth: Sequence[Track] | None = None,
    title: str = '',
    fps: float | None = None,
) -> Path:
    """Writes a video with tracks drawn onto it.

    Args:
        source: The frames.
        tracks: Predictions.
        path: The mp4 file to write.
        ground_truth: When given, it is shown at the left of the predictions.
        title: Put above the frames, with the number of the frame.
        fps: Frames per second; by default those of the source where it knows.

    Returns:
        The path.
    """
    with VideoWriter(path, fps=fps or getattr(source, 'fps', DEFAULT_FPS)) as writer:
        for picture in render_frames(source, tracks, ground_truth, title=title):
            writer.write(picture)
    return Path(path)
