"""Tables of an analysis or a comparison, for the terminal, Markdown, csv and HTML alike."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from terminaltables import AsciiTable

from mmtmt.evaluation import STATS_NAMES
from mmtmt.evaluation.analysis import ERROR_KINDS, SAMPLED_NAMES, TRACKING_NAMES
from mmtmt.utils.output import printable

from .page import escape, html_table, number

Cell = str | int | float | None | list[float]

WHAT_ERRORS_ARE = {
    'classification': 'on an object of another category',
    'space': 'follows its object, bad masks',
    'time': 'follows its object in too few frames, or something else in others',
    'space_and_time': 'bad masks in too few frames',
    'class_and_place': 'near an object of another category',
    'duplicate': 'on an object that has a better result',
    'background': 'near no object',
    'missed': 'object that no result is about',
    'false_positives': 'all wrong results',
    'false_negatives': 'all objects not found',
}
# What Markdown takes for more than text, and HTML doesn't.
_MARKUP = re.compile(r'[\\`*_\[\]~|]')
# Where a cell of text begins like this, spreadsheets take it for a formula.
_FORMULA = ('=', '+', '-', '@')
CATEGORY_COLUMNS = ('objects', 'results', *STATS_NAMES[:9], 'HOTA', 'IDF1')


@dataclass(frozen=True)
class Table:
    """A table with a heading.

    Attributes:
        title: Heading.
        note: What one has to know to read it.
        head: Names of the columns; the first column names the rows.
        rows: Cells; two numbers are an interval, None is nothing to measure.
        text_columns: Columns of words.
    """

    title: str
    note: str
    head: tuple[str, ...]
    rows: list[list[Cell]]
    text_columns: tuple[int, ...] = ()

    def _texts(self) -> list[list[str]]:
        return [[show(cell) for cell in row] for row in self.rows]

    def terminal(self) -> str:
        """For a terminal: control characters of names are replaced."""
        rows = [[printable(cell) for cell in row] for row in self._texts()]
        table = AsciiTable([list(self.head), *rows])
        table.justify_columns = {
            i: 'right' for i in range(1, len(self.head)) if i not in self.text_columns
        }
        note = f'\n{self.note}' if self.note else ''
        return f'{self.title}{note}\n{table.table}'

    def markdown(self) -> str:
        """For Markdown: names cannot end a cell or bring markup with them."""
        sides = [
            '---' if i == 0 or i in self.text_columns else '---:' for i in range(len(self.head))
        ]
        lines = [self.head, sides, *self._texts()]
        body = '\n'.join(
            '| ' + ' | '.join(_markdown(cell) for cell in line) + ' |' for line in lines
        )
        note = f'{self.note}\n\n' if self.note else ''
        return f'## {self.title}\n\n{note}{body}\n'

    def html(self) -> str:
        """For a page."""
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ''
        table = html_table(self.head, self._texts(), self.text_columns)
        return f'<h2>{escape(self.title)}</h2>{note}<div class="wide">{table}</div>'


def write_csv(tables: Sequence[Table]) -> str:
    """All numbers of several tables, one to a line.

    Args:
        tables: The tables.

    Returns:
        Lines of table, row, column and value, full precision; intervals on two lines. A name that
        a spreadsheet would take for a formula has an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')

    def write(*cells: Cell) -> None:
        writer.writerow(
            "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
            for cell in cells
        )

    write('table', 'row', 'column', 'value')
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.head[1:], row[1:], strict=True):
                if isinstance(cell, list):
                    for end, value in zip(('low', 'high'), cell, strict=True):
                        write(table.title, row[0], f'{column} {end}', value)
                elif cell is not None:
                    write(table.title, row[0], column, cell)
    return text.getvalue()


def show(cell: Cell) -> str:
    """A cell as text.

    Args:
        cell: See `Table`.

    Returns:
        The text.
    """
    if isinstance(cell, list):
        return ' to '.join(number(value) for value in cell)
    return number(cell) if cell is None or isinstance(cell, float) else str(cell)


def analysis_tables(analysis: Mapping[str, Any]) -> list[Table]:
    """What `analyze` found, in tables.

    Args:
        analysis: Its output.

    Returns:
        Numbers, class-agnostic numbers, categories, groups, errors, videos.
    """
    options = analysis['options']
    confident = f'results of score {options["min_score"]:g} or more'
    return [
        *_number_tables(analysis, confident),
        _category_table(analysis['categories']),
        _group_table(analysis['groups']),
        _mistake_table(analysis['errors'], options),
        _video_table(analysis['videos'], confident),
    ]


def _number_tables(analysis: Mapping[str, Any], confident: str) -> list[Table]:
    numbers, by_category = analysis['numbers'], analysis['tracking_by_category']
    agnostic = dict(analysis['class_agnostic'])
    beyond = agnostic.pop('results_beyond_limit')
    return [
        Table(
            'Numbers',
            f'95 % intervals of {analysis["options"]["replicates"]} samples of the videos.',
            ('', 'value', 'interval'),
            [[name, numbers[name]['value'], numbers[name]['interval']] for name in STATS_NAMES],
        ),
        Table(
            'Tracking',
            f'Of {confident}; all detections alike, and as a mean over the categories.',
            ('', 'all detections', 'interval', 'mean over categories'),
            [
                [name, numbers[name]['value'], numbers[name]['interval'], by_category[name]]
                for name in TRACKING_NAMES
            ],
        ),
        Table(
            'All categories taken as one',
            f'{beyond} results beyond the best 100 of a video: not looked at.',
            ('', *agnostic),
            [['class-agnostic', *agnostic.values()]],
        ),
    ]


def _category_table(categories: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        'Categories',
        '',
        ('category', *CATEGORY_COLUMNS),
        [
            [row['name'], *(row[column] for column in CATEGORY_COLUMNS)]
            for row in categories
            if row['objects'] or row['results']
        ],
    )


def _group_table(groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    return Table(
        'Groups of objects',
        'Objects of other groups count neither way.',
        ('group', 'objects', 'AP', 'AP50', 'AP75', 'AR100'),
        [
            [f'{grouping}: {name}', *row.values()]
            for grouping, rows in groups.items()
            for name, row in rows.items()
        ],
    )


def _mistake_table(errors: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]) -> Table:
    return Table(
        'Mistakes',
        'What AP50 and AP would gain if one kind of mistake were mended. Counts and AP50: an '
        f'IoU of {options["iou_on_object"]:g} is on an object; AP: mean over the thresholds.',
        (
            *('mistake', 'what it is', 'count', f'of score ≥ {options["min_score"]:g}'),
            *('gain in AP50', 'gain in AP'),
        ),
        [
            [kind.replace('_', ' '), WHAT_ERRORS_ARE[kind], *row.values()]
            for kind, row in errors.items()
        ],
        (1,),
    )


def _video_table(videos: Sequence[Mapping[str, Any]], confident: str) -> Table:
    return Table(
        'Videos',
        f'Worst first by HOTA, with {confident}.',
        (
            *('video', 'frames', 'objects', 'results', 'HOTA', 'IDF1'),
            *(kind.replace('_', ' ') for kind in ERROR_KINDS),
        ),
        [
            [
                *(str(video['id']), video['frames'], video['objects'], video['results']),
                *(video['HOTA'], video['IDF1']),
                *(video['errors'].get(kind) for kind in ERROR_KINDS),
            ]
            for video in worst_first(videos)
        ],
    )


def worst_first(videos: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Videos by rising HOTA, those with the most mistakes first where it is the same.

    Args:
        videos: Of an analysis.

    Returns:
        The videos that have objects or results.
    """
    return sorted(
        (video for video in videos if video['HOTA'] is not None),
        key=lambda video: (video['HOTA'], -sum(video['errors'].values())),
    )


def comparison_tables(comparison: Mapping[str, Any]) -> list[Table]:
    """What `compare` found, in tables.

    Args:
        comparison: Its output.

    Returns:
        Numbers, categories and errors.
    """
    options, names = comparison['options'], comparison['names']
    others = names[1:]
    intervals = (
        f'95 % intervals of {options["replicates"]} samples of the videos, both on the same.'
    )
    return [
        Table(
            'Numbers',
            f'{intervals} p: how often a swap of the two in random videos differs as much. '
            f'Tracking of results of score {options["min_score"]:g} or more.',
            ('', *names, *_columns(others, 'difference', 'interval', 'p')),
            [
                [name, *row['values'], *(cell for d in row['differences'] for cell in d.values())]
                for name, row in ((name, comparison['numbers'][name]) for name in SAMPLED_NAMES)
            ],
        ),
        Table(
            'AP by category',
            intervals,
            ('category', *names, *_columns(others, 'difference', 'interval')),
            [
                [
                    row['name'],
                    *row['values'],
                    *(cell for d in row['differences'] for cell in d.values()),
                ]
                for row in comparison['categories']
            ],
        ),
        Table(
            'Mistakes',
            'How many, and what AP50 and AP would gain without them.',
            ('mistake', *_columns(names, 'count', 'gain in AP50', 'gain in AP')),
            [
                [
                    kind.replace('_', ' '),
                    *(
                        cell
                        for cells in zip(
                            row['counts'], row['AP50_gains'], row['AP_gains'], strict=True
                        )
                        for cell in cells
                    ),
                ]
                for kind, row in comparison['errors'].items()
            ],
        ),
    ]


def _columns(names: Sequence[str], *columns: str) -> list[str]:
    return [f'{name}: {column}' for name in names for column in columns]


def _markdown(text: str) -> str:
    return _MARKUP.sub(r'\\\g<0>', escape(printable(text)))
