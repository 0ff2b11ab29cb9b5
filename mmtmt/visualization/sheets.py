"""Sheets: many pictures in one, to look over a dataset or what a model is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mmtmt.structures.frame_source import ArrayFrameSource, FrameSource
from mmtmt.structures.tubes import encode_tube

from .overlay import TrackPainter, add_banner
from .report import SHEET_GAP, spread, tile_pictures
from .tracks import Track


def stack_images(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Put pictures below each other, with white gaps and white beside narrower ones.

    Args:
        rows: Pictures (H, W, 3) uint8; at least one.

    Returns:
        One picture, (H', W', 3) uint8.
    """
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, SHEET_GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)[:-SHEET_GAP]


def track_sheet(
    source: FrameSource,
    tracks: Sequence[Track],
    *,
    title: str,
    frames: int = 6,
    columns: int = 3,
    cell_width: int = 480,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Evenly spread frames of a video with its tracks.

    Args:
        source: The frames.
        tracks: What to draw.
        title: Written above.
        frames: How many frames to show at most.
        columns: How many of them in a row.
        cell_width: Width of a frame on the sheet in pixels.
        names: What to write above each frame of the video; by default its number.

    Returns:
        The sheet, (H, W, 3) uint8, RGB.
    """
    height, width = source.ori_shape
    size = (max(1, round(height * cell_width / width)), cell_width)
    cells = []
    for index in spread(len(source), frames):
        # Drawn after resizing, so that lines and text are equally large on every sheet.
        frame = _resize(source.decode(index, index + 1)[0], size)
        visible = [shown for shown in (_still(track, index, size) for track in tracks) if shown]
        picture = TrackPainter(visible, size, min_height=size[0]).draw(frame, 0)
        name = f'frame {index}' if names is None else names[index]
        note = f'{len(visible)} object' + 's' * (len(visible) != 1)
        cells.append(add_banner(picture, name, note))
    sheet = tile_pictures(cells, min(columns, len(cells)))
    return add_banner(sheet, title, f'{len(source)} frames of {height} x {width}')


def _still(track: Track, index: int, size: tuple[int, int]) -> Track | None:
    """One frame of a track at another size, None where there is nothing to see."""
    mask = track.mask(index)
    if mask is None:
        return None
    mask = _resize(mask.astype(np.uint8) * 255, size) > 127
    (rle,) = encode_tube(mask[None])
    return None if rle is None else replace(track, tube=[rle])


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    smaller = size[0] < image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(image, size[::-1], interpolation=method)


def clip_row(
    frames: np.ndarray,
    tracks: Sequence[Track],
    *,
    title: str,
    names: Sequence[str],
    cell_width: int,
) -> np.ndarray:
    """The frames of a clip beside each other with their tracks.

    Args:
        frames: (T, H, W, 3) uint8, RGB.
        tracks: What to draw.
        title: Written above.
        names: What to write above each frame, T strings.
        cell_width: Width of a frame on the sheet in pixels.

    Returns:
        The row, (H', W', 3) uint8, RGB.
    """
    return track_sheet(
        ArrayFrameSource(frames),
        tracks,
        title=title,
        frames=len(frames),
        columns=len(frames),
        cell_width=cell_width,
        names=names,
    )


def write_png(image: np.ndarray, path: str | Path) -> Path:
    """Write a picture.

    Args:
        image: (H, W, 3) uint8, RGB.
        path: The PNG file; its folder is made.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode('.png', image[..., ::-1])
    path.write_bytes(data.tobytes())
    return path
