"""What the HTML pages have in common: frame, style, tables. A page needs nothing but itself."""

from __future__ import annotations

import html
from collections.abc import Sequence

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --accent: #2563eb;
        --second: #c2410c; --third: #0f766e; }
@media (prefers-color-scheme: dark) {
  :root { --accent: #7aa7ff; --second: #ff9d5c; --third: #5ed1c2; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px;
       padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; } .note { opacity: .75; margin-top: .2rem; }
table { border-collapse: collapse; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 1rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, .text { text-align: left; }
thead th { border-bottom-width: 2px; }
tbody th { font-weight: inherit; }
article { background: var(--soft); border: 1px solid var(--line); border-radius: 8px;
          padding: 1rem; margin: 1.5rem 0; }
article h3 { margin: 0 0 .6rem; font-weight: 600; }
video, img { width: 100%; border-radius: 4px; display: block; }
img { margin-top: .6rem; }
"""


def escape(value: object) -> str:
    """A value as text that no browser takes for markup.

    Args:
        value: Anything.

    Returns:
        The text, fit for elements and quoted attributes.
    """
    return html.escape(str(value), quote=True)


def number(value: float | None) -> str:
    """A number with three digits.

    Args:
        value: Mostly a fraction; None or -1 where there is none.

    Returns:
        The text.
    """
    return '–' if value is None or value == -1 else f'{value:.3f}'


def html_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Sequence[int] = ()
) -> str:
    """A table whose first column names the rows.

    Args:
        head: Names of the columns.
        rows: Their cells.
        text_columns: Columns that hold words and so begin at the left, as the first one does.

    Returns:
        The markup, with everything escaped.
    """
    sides = [' class="text"' if i in text_columns else '' for i in range(len(head))]
    header = ''.join(
        f'<th scope="col"{side}>{escape(cell)}</th>' for cell, side in zip(head, sides, strict=True)
    )
    body = '\n'.join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + ''.join(
            f'<td{side}>{escape(cell)}</td>' for cell, side in zip(row[1:], sides[1:], strict=True)
        )
        + '</tr>'
        for row in rows
    )
    return f'<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{body}</tbody></table>'


def html_page(title: str, note: str, body: Sequence[str], style: str = '') -> str:
    """A whole page.

    Args:
        title: Headline.
        note: A line below it.
        body: Markup of its parts.
        style: Rules that only this page needs.

    Returns:
        The page.
    """
    parts = [f'<h1>{escape(title)}</h1>', f'<p class="note">{escape(note)}</p>', *body]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n'
        + '\n'.join(parts)
        + '\n</body>\n</html>\n'
    )
