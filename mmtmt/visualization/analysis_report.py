"""One page that explains results: numbers, charts, mistakes and the worst videos."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .charts import CHART_STYLE, bar_chart, line_chart, matrix
from .page import escape, html_page, number
from .tables import Table, analysis_tables

HEADLINES = ('AP', 'AP50', 'AP75', 'AR10', 'HOTA', 'IDF1')
# Categories shown in the confusion matrix; the rest are summed up.
MATRIX_SIZE = 24
MOST_ROWS = 30
# Ends of the scale of gains, which quarters divide well.
SCALES = (0.04, 0.1, 0.2, 0.4, 0.8, 1.0)
_STYLE = (
    CHART_STYLE
    + """
.tiles { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; padding: 0; }
.tiles li { list-style: none; background: var(--soft); border: 1px solid var(--line);
            border-radius: 8px; padding: .6rem 1.2rem; min-width: 7rem; }
.tiles b { display: block; font-size: 1.7rem; font-weight: 600; }
.wide { overflow-x: auto; } .wide th, .wide td { padding: .3rem .6rem; }
.matrix th, .matrix td { font-size: .8rem; text-align: center; min-width: 1.6rem; }
.matrix tbody th { text-align: right; white-space: nowrap; }
.matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); }
"""
)


def analysis_page(
    analysis: Mapping[str, Any],
    *,
    title: str,
    note: str = '',
    sheets: Mapping[str, bytes] | None = None,
) -> str:
    """Shows what `analyze` found.

    Args:
        analysis: Its output.
        title: Headline.
        note: A line below it.
        sheets: JPEG pictures of the worst videos by id.

    Returns:
        The page; it holds everything that it shows.
    """
    tables = {table.title: table for table in analysis_tables(analysis)}
    categories = [row for row in analysis['categories'] if row['AP'] is not None]
    bars = [
        (row['name'], row['AP'], row['AP_interval'])
        for row in sorted(categories, key=lambda row: -row['AP'])
    ]
    gains = [
        (kind.replace('_', ' '), row['AP_gain'], None) for kind, row in analysis['errors'].items()
    ]
    largest = max(gain for _, gain, _ in gains)
    curves = dict(analysis['curves'])
    recall = curves.pop('recall')
    body = [
        _tiles(analysis['numbers']),
        _facts(analysis['counts'], analysis['remarks']),
        '<h2>AP by category</h2>',
        bar_chart(bars, 'AP of each category, with 95 % intervals'),
        '<h2>Precision and recall</h2>',
        line_chart(
            recall, curves, 'Precision (up) at each recall (right), mean over the categories'
        ),
        tables['Mistakes'].html(),
        bar_chart(
            gains,
            'What AP would gain if one kind of mistake were mended',
            top=min(top for top in SCALES if top >= min(largest, 1)),
        ),
        _confusion(analysis['confusion'], analysis['options']),
        tables['Groups of objects'].html(),
        _worst_videos(tables['Videos'], sheets or {}),
        *(
            tables[name].html()
            for name in ('Numbers', 'Tracking', 'All categories taken as one', 'Categories')
        ),
    ]
    return html_page(title, note, body, _STYLE)


def _tiles(numbers: Mapping[str, Mapping]) -> str:
    tiles = []
    for name in HEADLINES:
        ends = numbers[name]['interval']
        between = f'{number(ends[0])} to {number(ends[1])}' if ends else ''
        tiles.append(
            f'<li>{escape(name)} <b>{number(numbers[name]["value"])}</b>'
            f'<span class="note">{between}</span></li>'
        )
    return f'<ul class="tiles">{"".join(tiles)}</ul>'


def _facts(counts: Mapping[str, int], remarks: Sequence[str]) -> str:
    text = (
        f'{counts["results"]} results for {counts["objects"]} objects of '
        f'{counts["categories"]} categories in {counts["videos"]} videos of {counts["frames"]} '
        f'frames; {counts["crowd_objects"]} crowd objects.'
    )
    notes = ''.join(f'<li>{escape(line)}</li>' for line in remarks)
    return f'<p>{escape(text)}</p>' + (f'<ul class="note">{notes}</ul>' if notes else '')


def _confusion(confusion: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    counts, labels = np.array(confusion['counts']), confusion['labels']
    present = np.flatnonzero(counts[:-1].sum(axis=1) + counts[:, :-1].sum(axis=0))
    # Those with the most confusions, in the order of the file.
    wrong = [counts[k].sum() + counts[:, k].sum() - 2 * counts[k, k] for k in present]
    shown = sorted(present[np.argsort(wrong, kind='stable')[::-1][:MATRIX_SIZE]].tolist())
    rest = sorted(set(present.tolist()) - set(shown))
    parts = [[k] for k in shown] + ([rest] if rest else []) + [[len(labels)]]
    names = [labels[k] for k in shown] + ([f'{len(rest)} others'] if rest else [])
    joined = [[int(counts[np.ix_(a, b)].sum()) for b in parts] for a in parts]
    note = (
        'Rows: objects; columns: the results that took them, whatever their category, from the '
        f'highest score down to {options["min_score"]:g}, at an IoU of '
        f'{options["iou_on_object"]:g} or more.'
    )
    return f'<h2>Confusions</h2><p class="note">{escape(note)}</p>' + matrix(
        joined, [*names, 'no object'], [*names, 'not found']
    )


def _worst_videos(table: Table, sheets: Mapping[str, bytes]) -> str:
    shown = Table(table.title, table.note, table.head, table.rows[:MOST_ROWS], table.text_columns)
    left_out = len(table.rows) - len(shown.rows)
    more = f'<p class="note">{left_out} better videos are left out.</p>' if left_out else ''
    return shown.html() + more + ''.join(_sheet(*item) for item in sheets.items())


def _sheet(video: str, picture: bytes) -> str:
    data = base64.b64encode(picture).decode('ascii')
    alt = f'Frames of video {video}: annotations above, results below'
    return (
        f'<article><h3>Video {escape(video)}</h3>'
        f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{data}"></article>'
    )
