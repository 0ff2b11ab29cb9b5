"""One page that shows a folder of videos, each with a contact sheet, beside the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmtmt.utils.video import VideoFrameSource

from .page import escape, html_page, html_table, number

SHEET_FRAMES = 6
SHEET_WIDTH = 1440
SHEET_GAP = 6


def write_report(
    folder: str | Path,
    *,
    title: str,
    note: str = '',
    numbers: Mapping[str, Mapping[str, float]] | None = None,
    videos: Mapping[str, Iterable[str | Path]],
) -> Path:
    """Writes index.html for mp4 files in a folder or its sub-folders.

    A contact sheet, NAME.jpg, is written beside every video. The page refers to files of the
    folder only, so the folder can be moved or copied as a whole.

    Args:
        folder: Where the videos are.
        title: Headline.
        note: A line below the headline.
        numbers: Table to show: per row its values by column, fractions; -1 stands for none.
        videos: By the headline that they stand below.

    Returns:
        The path of the page.
    """
    folder = Path(folder)
    body = [_table(numbers)] if numbers else []
    for group, paths in sorted(videos.items()):
        body.append(f'<h2>{escape(group)}</h2>')
        for video in sorted(map(Path, paths)):
            sheet = video.with_suffix('.jpg')
            sheet.write_bytes(encode_jpeg(contact_sheet(video)))
            body.append(_article(video.stem, video.relative_to(folder), sheet.relative_to(folder)))
    page = folder / 'index.html'
    page.write_text(html_page(title, note, body), encoding='utf-8')
    return page


def spread(length: int, count: int) -> list[int]:
    """Evenly spread positions.

    Args:
        length: Number of positions.
        count: How many to take at most.

    Returns:
        Rising positions, the first and last among them.
    """
    return np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist()


def contact_sheet(video: str | Path) -> np.ndarray:
    """Evenly spread frames of a video in one picture.

    Args:
        video: A video file.

    Returns:
        (H, W, 3) uint8, RGB: `SHEET_FRAMES` frames at most, two or three to a row.
    """
    source = VideoFrameSource(video)
    indices = spread(len(source), SHEET_FRAMES)
    height, width = source.ori_shape
    # Wide pictures, two beside each other for one, get more room.
    columns = 2 if width > 2.2 * height else 3
    size = fit_size(width, height, (SHEET_WIDTH // columns, 2 * SHEET_WIDTH // columns))
    cells = [
        cv2.resize(source.decode(i, i + 1)[0], size, interpolation=cv2.INTER_AREA) for i in indices
    ]
    return tile_pictures(cells, columns)


def fit_size(width: int, height: int, largest: tuple[int, int]) -> tuple[int, int]:
    """The size at which a picture touches two sides of a box.

    Args:
        width: Of the picture, in pixels.
        height: The same.
        largest: Width and height of the box.

    Returns:
        Width and height, 1 pixel at least.
    """
    scale = min(largest[0] / width, largest[1] / height)
    return max(1, round(scale * width)), max(1, round(scale * height))


def tile_pictures(cells: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Pictures in rows.

    Args:
        cells: Pictures (h, w, 3) uint8 of one size, at least one.
        columns: How many to a row.

    Returns:
        (H, W, 3) uint8, with white gaps.
    """
    cells = [*cells, *[np.full_like(cells[0], 255)] * (-len(cells) % columns)]
    border = ((0, SHEET_GAP), (0, SHEET_GAP), (0, 0))
    cells = [np.pad(cell, border, constant_values=255) for cell in cells]
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows)[:-SHEET_GAP, :-SHEET_GAP]


def encode_jpeg(image: np.ndarray, quality: int = 88) -> bytes:
    """A picture as the content of a JPEG file.

    Args:
        image: (H, W, 3) uint8, RGB.
        quality: 1 to 100.

    Returns:
        The bytes.

    Raises:
        ValueError: If the picture is larger than a JPEG can be.
    """
    # cv2 returns False instead of an error.
    done, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f'a picture of {image.shape[1]} x {image.shape[0]} pixels fits no JPEG')
    return data.tobytes()


def _article(name: str, video: Path, sheet: Path) -> str:
    name, video_url, sheet_url = (
        escape(text) for text in (name, video.as_posix(), sheet.as_posix())
    )
    return (
        f'<article>\n<h3>{name}</h3>\n'
        f'<video controls loop muted playsinline preload="metadata" src="{video_url}"></video>\n'
        f'<img loading="lazy" src="{sheet_url}" alt="frames of {name}">\n</article>'
    )


def _table(numbers: Mapping[str, Mapping[str, float]]) -> str:
    columns = list(dict.fromkeys(column for row in numbers.values() for column in row))
    return html_table(
        ['', *columns],
        [[name, *(number(row.get(column)) for column in columns)] for name, row in numbers.items()],
    )
