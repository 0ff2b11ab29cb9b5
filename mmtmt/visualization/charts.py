"""Charts as SVG within a page: they take the page's colours, light or dark, and need no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .page import escape, number

CHART_STYLE = """
svg { width: 100%; height: auto; display: block; font: 13px system-ui, sans-serif; }
svg text { fill: currentColor; } svg .grid { stroke: var(--line); }
svg .bar { fill: var(--accent); } svg .whisker { stroke: currentColor; stroke-width: 1.5; }
svg polyline { fill: none; stroke-width: 2.5; }
figure { margin: 1.5rem 0; max-width: 820px; } figcaption { opacity: .75; margin-top: .5rem; }
"""
WIDTH = 800
ROW = 24
LABEL_WIDTH = 190
VALUE_WIDTH = 60
# Colours and dashes of lines, so that they can be told apart without colours as well.
LINES = (('var(--accent)', ''), ('var(--second)', '8 4'), ('var(--third)', '2 4'))


def bar_chart(
    rows: Sequence[tuple[str, float, Sequence[float] | None]], title: str, top: float = 1.0
) -> str:
    """Horizontal bars with whiskers.

    Args:
        rows: Name, value and interval, if any, of each bar, from 0 to ``top``.
        title: What the chart shows.
        top: Where the scale ends.

    Returns:
        The markup.
    """
    scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / top
    height = ROW * len(rows) + 22
    parts = []
    for step in range(5):
        x = LABEL_WIDTH + scale * top * step / 4
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 20}"/>'
            f'<text x="{x:.1f}" y="{height - 4}" text-anchor="middle">{top * step / 4:.3g}</text>'
        )
    for i, (name, value, ends) in enumerate(rows):
        middle, length = ROW * i + ROW / 2, scale * max(0.0, min(value, top))
        told = f'{name}: {number(value)}'
        if ends:
            told += f' ({number(ends[0])} to {number(ends[1])})'
        short = name if len(name) <= 26 else name[:25] + '…'
        parts.append(
            f'<g><title>{escape(told)}</title>'
            f'<text x="{LABEL_WIDTH - 8}" y="{middle + 4.5}" text-anchor="end">{escape(short)}'
            f'</text><rect class="bar" x="{LABEL_WIDTH}" y="{middle - 8}" width="{length:.1f}" '
            'height="16"/>'
        )
        right = length
        if ends:
            low, high = (scale * max(0.0, min(end, top)) for end in ends)
            right = max(length, high)
            parts.append(
                f'<path class="whisker" d="M{LABEL_WIDTH + low:.1f} {middle}'
                f'H{LABEL_WIDTH + high:.1f}m0 -4v8M{LABEL_WIDTH + low:.1f} {middle - 4}v8"/>'
            )
        x = LABEL_WIDTH + right + 7
        parts.append(f'<text x="{x:.1f}" y="{middle + 4.5}">{number(value)}</text></g>')
    return _svg(parts, height, title)


def line_chart(x: Sequence[float], lines: Mapping[str, Sequence[float]], title: str) -> str:
    """Lines between 0 and 1 on both axes.

    Args:
        x: Positions.
        lines: Heights by name, three at most.
        title: What the chart shows, with the names of the axes.

    Returns:
        The markup.
    """
    left, size, top = 40, 330, 10
    parts = []
    for step in range(6):
        value = step / 5
        across, down = left + 1.6 * size * value, top + size * (1 - value)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{left + 1.6 * size}" y1="{down}" y2="{down}"/>'
            f'<line class="grid" x1="{across}" x2="{across}" y1="{top}" y2="{top + size}"/>'
            f'<text x="{left - 6}" y="{down + 4}" text-anchor="end">{value:g}</text>'
            f'<text x="{across}" y="{top + size + 18}" text-anchor="middle">{value:g}</text>'
        )
    for i, ((name, heights), (color, dash)) in enumerate(zip(lines.items(), LINES)):
        points = ' '.join(
            f'{left + 1.6 * size * a:.1f},{top + size * (1 - b):.1f}'
            for a, b in zip(x, heights, strict=True)
        )
        style = f'style="stroke: {color}" stroke-dasharray="{dash}"'
        y = top + 20 + 24 * i
        parts.append(
            f'<polyline points="{points}" {style}/>'
            f'<polyline points="600,{y} 640,{y}" {style}/>'
            f'<text x="650" y="{y + 4}">{escape(name)}</text>'
        )
    return _svg(parts, top + size + 26, title)


def matrix(counts: Sequence[Sequence[int]], rows: Sequence[str], columns: Sequence[str]) -> str:
    """Counts as a table whose cells are the darker the larger their share of the row is.

    Args:
        counts: The cells.
        rows: Names of the rows.
        columns: Names of the columns.

    Returns:
        The markup.
    """
    head = ''.join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in ('', *columns))
    lines = []
    for name, row in zip(rows, counts, strict=True):
        total = max(1, sum(row))
        cells = ''.join(
            f'<td style="background: rgb(37 99 235 / {0.5 * count / total:.2f})">{count}</td>'
            if count
            else '<td></td>'
            for count in row
        )
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    body = '\n'.join(lines)
    return (
        f'<div class="wide"><table class="matrix"><thead><tr>{head}</tr></thead>\n'
        f'<tbody>{body}</tbody></table></div>'
    )


def _svg(parts: Sequence[str], height: float, title: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">\n'
        + '\n'.join(parts)
        + f'\n</svg><figcaption>{escape(title)}</figcaption></figure>'
    )
