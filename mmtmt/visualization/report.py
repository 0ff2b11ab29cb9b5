"""One page that shows a folder of videos, each with a contact sheet, beside the numbers."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from mmtmt.utils.video import VideoFrameSource

SHEET_FRAMES = 6
SHEET_FRAME_WIDTH = 480
SHEET_GAP = 6

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px;
       padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; } .note { opacity: .7; margin-top: .2rem; }
table { border-collapse: collapse; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 1rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom-width: 2px; }
article { background: var(--soft); border: 1px solid var(--line); border-radius: 8px;
          padding: 1rem; margin: 1.5rem 0; }
article h3 { margin: 0 0 .6rem; font-weight: 600; }
video, img { width: 100%; border-radius: 4px; display: block; }
img { margin-top: .6rem; }
"""


def write_report(
    folder: str | Path,
    *,
    title: str,
    note: str = '',
    numbers: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Writes index.html for all mp4 files in a folder and its sub-folders.

    A contact sheet, NAME.jpg, is written beside every video. The page refers to files of the
    folder only, so the folder can be moved or copied as a whole.

    Args:
        folder: Where the videos are.
        title: Headline.
        note: A line below the headline.
        numbers: Table to show: per row its values by column, fractions; -1 stands for none.

    Returns:
        The path of the page.
    """
    folder = Path(folder)
    sections: dict[str, list[str]] = {}
    for video in sorted(folder.rglob('*.mp4')):
        sheet = video.with_suffix('.jpg')
        _write_jpeg(contact_sheet(video), sheet)
        group = video.parent.relative_to(folder).as_posix()
        sections.setdefault('' if group == '.' else group, []).append(
            _article(video.stem, video.relative_to(folder), sheet.relative_to(folder))
        )
    body = [f'<h1>{html.escape(title)}</h1>', f'<p class="note">{html.escape(note)}</p>']
    if numbers:
        body.append(_table(numbers))
    for group, articles in sections.items():
        body += [f'<h2>{html.escape(group)}</h2>' if group else '', *articles]
    page = folder / 'index.html'
    page.write_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        + '\n'.join(body)
        + '\n</body>\n</html>\n',
        encoding='utf-8',
    )
    return page


def contact_sheet(video: str | Path) -> np.ndarray:
    """Evenly spread frames of a video in one picture.

    Args:
        video: A video file.

    Returns:
        (H, W, 3) uint8, RGB: `SHEET_FRAMES` frames at most, two or three to a row.
    """
    source = VideoFrameSource(video)
    count = min(SHEET_FRAMES, len(source))
    indices = np.linspace(0, len(source) - 1, count).round().astype(int).tolist()
    height, width = source.ori_shape
    # Wide pictures, two beside each other for one, get more room.
    columns = 2 if width > 2.2 * height else 3
    size = (SHEET_FRAME_WIDTH * 3 // columns, SHEET_FRAME_WIDTH * 3 // columns * height // width)
    cells = [
        cv2.resize(source.decode(i, i + 1)[0], size, interpolation=cv2.INTER_AREA) for i in indices
    ]
    cells += [np.full_like(cells[0], 255)] * (-count % columns)
    border = ((0, SHEET_GAP), (0, SHEET_GAP), (0, 0))
    cells = [np.pad(cell, border, constant_values=255) for cell in cells]
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows)[:-SHEET_GAP, :-SHEET_GAP]


def _article(name: str, video: Path, sheet: Path) -> str:
    name, video_url, sheet_url = (
        html.escape(text, quote=True) for text in (name, video.as_posix(), sheet.as_posix())
    )
    return (
        f'<article>\n<h3>{name}</h3>\n'
        f'<video controls loop muted playsinline preload="metadata" src="{video_url}"></video>\n'
        f'<img loading="lazy" src="{sheet_url}" alt="frames of {name}">\n</article>'
    )


def _table(numbers: Mapping[str, Mapping[str, float]]) -> str:
    columns = list(dict.fromkeys(column for row in numbers.values() for column in row))
    head = ''.join(f'<th>{html.escape(column)}</th>' for column in ('', *columns))
    rows = [
        f'<tr><td>{html.escape(name)}</td>'
        + ''.join(f'<td>{_number(row.get(column))}</td>' for column in columns)
        + '</tr>'
        for name, row in numbers.items()
    ]
    return (
        f'<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n' + '\n'.join(rows) + '</tbody></table>'
    )


def _number(value: float | None) -> str:
    return '&ndash;' if value is None or value == -1 else f'{value:.3f}'


def _write_jpeg(image: np.ndarray, path: Path) -> None:
    # cv2.imwrite returns False instead of an error.
    _, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    path.write_bytes(data.tobytes())
