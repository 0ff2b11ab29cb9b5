import csv
import io

import pytest

from mmtmt.evaluation.analysis import analyze, compare
from mmtmt.visualization import Table, analysis_tables, comparison_tables, write_csv
from mmtmt.visualization.tables import worst_first

from .conftest import HOSTILE


@pytest.fixture
def tables(files):
    return analysis_tables(analyze(files / 'gt.json', files / 'results.json', replicates=20))


def rows_of(tables, title):
    (table,) = [table for table in tables if table.title == title]
    return {row[0]: dict(zip(table.head[1:], row[1:], strict=True)) for row in table.rows}


def test_tables_hold_the_numbers(tables):
    # One of three objects is found, above another result of the category: 34 of 101 points at 1.
    assert rows_of(tables, 'Numbers')['AP']['value'] == pytest.approx(34 / 101)
    assert rows_of(tables, 'Categories')['cat']['objects'] == 3
    assert rows_of(tables, 'Categories')[HOSTILE]['AP'] is None
    mistakes = rows_of(tables, 'Mistakes')
    assert {name: row['count'] for name, row in mistakes.items() if row['count']} == {
        'classification': 1,
        'background': 1,
        'missed': 1,
        'false positives': 2,
        'false negatives': 2,
    }
    # The object is found in one, with another category in the next, not at all in the last.
    assert list(rows_of(tables, 'Videos'))[2] == 'good'
    assert rows_of(tables, 'Groups of objects')['track length: short']['objects'] == 3


def test_csv_holds_every_number_once(tables):
    lines = list(csv.reader(io.StringIO(write_csv(tables))))
    assert lines[0] == ['table', 'row', 'column', 'value']
    keys = [tuple(line[:3]) for line in lines[1:]]
    assert len(keys) == len(set(keys))
    numbers = dict(zip(keys, [line[3] for line in lines[1:]], strict=True))
    assert float(numbers['Numbers', 'AP', 'value']) == pytest.approx(34 / 101)
    low, high = (float(numbers['Numbers', 'AP', f'interval {end}']) for end in ('low', 'high'))
    assert low <= 34 / 101 <= high
    assert ('Categories', HOSTILE, 'results') in numbers


def test_names_cannot_break_a_table():
    table = Table('A table', 'note', ('name', 'value'), [[HOSTILE + '\n# x', 0.5], ['b', [0, 1.0]]])
    lines = table.markdown().splitlines()
    assert lines[:3] == ['## A table', '', 'note'] and len(lines) == 8
    assert lines[5] == '| --- | ---: |'
    assert '<' not in lines[6] and lines[6].replace('\\|', '').count('|') == 3
    assert lines[7] == '| b | 0.000 to 1.000 |'
    text = table.terminal()
    assert '\x1b' not in text and len({len(line) for line in text.splitlines()[2:]}) == 1
    assert '<script' not in table.html() and '<img' not in table.html()


def test_worst_videos_come_first():
    videos = [
        {'id': 1, 'HOTA': 0.5, 'errors': {'missed': 1}},
        {'id': 2, 'HOTA': None, 'errors': {}},
        {'id': 3, 'HOTA': 0.2, 'errors': {'missed': 1}},
        {'id': 4, 'HOTA': 0.2, 'errors': {'missed': 1, 'background': 2}},
    ]
    assert [video['id'] for video in worst_first(videos)] == [4, 3, 1]


def test_comparison(files):
    sides = {'plain': files / 'results.json', 'nothing': []}
    tables = comparison_tables(compare(files / 'gt.json', sides, replicates=20))
    row = rows_of(tables, 'Numbers')['AP']
    assert row['plain'] == pytest.approx(34 / 101) and row['nothing'] == 0
    assert row['nothing: difference'] == pytest.approx(-34 / 101)
    assert 0 < row['nothing: p'] <= 1
    assert list(rows_of(tables, 'AP by category')) == ['cat']
    assert rows_of(tables, 'Mistakes')['missed']['nothing: count'] == 3
    for table in tables:
        assert table.terminal() and table.markdown()


def test_names_bring_no_markup_and_no_formula():
    names = ['![x](https://a.b/c.png)', '[c](javascript:x)', '`a`*b*_c_', '=1+1', '@sum', '-5']
    table = Table('A table', '', ('name', 'value'), [[name, -0.5] for name in names])
    lines = table.markdown().splitlines()[4:]
    assert lines[0] == r'| !\[x\](https://a.b/c.png) | -0.500 |'
    assert lines[1].startswith(r'| \[c\](javascript')
    assert lines[2].startswith(r'| \`a\`\*b\*\_c\_ |')
    rows = list(csv.reader(io.StringIO(write_csv([table]))))[1:]
    assert [row[1] for row in rows] == [*names[:3], "'=1+1", "'@sum", "'-5"]
    assert all(row[3] == '-0.5' for row in rows)
