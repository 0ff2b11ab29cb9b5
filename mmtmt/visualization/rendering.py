"""Videos of tracks over their frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmtmt.structures.frame_source import FrameSource
from mmtmt.utils.video import DEFAULT_FPS, VideoWriter

from .overlay import TrackPainter, add_banner, side_by_side
from .tracks import Track

# Frames decoded at a time, so that memory doesn't grow with the video.
CHUNK = 8


def render_frames(
    source: FrameSource, panels: Mapping[str, Sequence[Track]], *, title: str = ''
) -> Iterator[np.ndarray]:
    """Draws tracks onto every frame of a video, in one panel or several side by side.

    Args:
        source: The frames; drawn at their stored size or a multiple of it.
        panels: Tracks by caption, as in ``{'ground truth': ..., 'prediction': ...}``; a single
            panel shows no caption.
        title: Put above the frames, with the number of the frame.

    Yields:
        (H, W, 3) uint8, RGB.
    """
    painters = {
        caption: TrackPainter(tracks, source.ori_shape) for caption, tracks in panels.items()
    }
    for start in range(0, len(source), CHUNK):
        frames = source.decode(start, min(start + CHUNK, len(source)))
        for index, frame in enumerate(frames, start=start):
            pictures = [painter.draw(frame, index) for painter in painters.values()]
            count = f'{index + 1} / {len(source)}'
            if len(pictures) > 1:
                # the title in the first banner, the number of the frame in the last
                notes = [title, *[''] * (len(pictures) - 2), count]
                pictures = list(map(add_banner, pictures, painters, notes))
            elif title:
                pictures = [add_banner(pictures[0], title, count)]
            yield side_by_side(*pictures)


def render_video(
    source: FrameSource,
    panels: Mapping[str, Sequence[Track]],
    path: str | Path,
    *,
    title: str = '',
    fps: float | None = None,
) -> Path:
    """Writes a video with tracks drawn onto it.

    Args:
        source: The frames.
        panels: Tracks by caption, see `render_frames`.
        path: The mp4 file to write.
        title: Put above the frames, with the number of the frame.
        fps: Frames per second; by default those of the source where it knows.

    Returns:
        The path.
    """
    with VideoWriter(path, fps=fps or getattr(source, 'fps', DEFAULT_FPS)) as writer:
        for picture in render_frames(source, panels, title=title):
            writer.write(picture)
    return Path(path)
