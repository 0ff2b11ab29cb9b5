"""A taxonomy and the datasets behind it in tables, for the terminal and a page."""

from __future__ import annotations

from collections.abc import Sequence

from mmtmt.datasets.statistics import DatasetStatistics, Leak
from mmtmt.taxonomy import TaxonomyReport

from .tables import Table

SHOWN_LEAKS = 5


def union_table(report: TaxonomyReport) -> Table:
    """All rows of the union, and how each set calls them.

    Args:
        report: Of a taxonomy.

    Returns:
        The table.
    """
    reasons = {merge.key: merge.reason for merge in report.merged}
    rows = [
        [
            *(str(row.index), row.key, row.text),
            *(', '.join(row.names.get(name, [])) for name in report.sizes),
            reasons.get(row.key, ''),
        ]
        for row in report.union
    ]
    head = ('row', 'key', 'text', *report.sizes, 'shared by')
    return Table('Union', '', head, rows, tuple(range(1, len(head))))


def overlap_table(report: TaxonomyReport) -> Table:
    """How many categories each two sets share; a set with itself: how many rows it covers.

    Args:
        report: Of a taxonomy.

    Returns:
        The table.
    """
    covered = {name: sum(name in row.names for row in report.union) for name in report.sizes}
    both = {frozenset(pair): count for pair, count in report.overlaps.items()}
    rows = [
        [a, *(covered[a] if a == b else both[frozenset((a, b))] for b in report.sizes)]
        for a in report.sizes
    ]
    return Table('Shared categories', 'Rows of the union that two sets have in common.',
                 ('', *report.sizes), rows)  # fmt: skip


def statistics_table(statistics: Sequence[tuple[str, DatasetStatistics]]) -> Table:
    """What the annotation files hold.

    Args:
        statistics: Names of set and split, with what is in the file.

    Returns:
        The table.
    """
    head = (
        *('', 'videos', 'frames', 'shortest', 'mean length', 'longest', 'categories'),
        *('with instances', 'instances', 'crowds', 'masks', 'masks per frame', 'objects per video'),
    )
    rows = [
        [
            *(name, s.videos, s.frames, s.lengths[0], f'{s.lengths[1]:.1f}', s.lengths[2]),
            s.categories,
            *((s.used_categories, s.instances, s.crowds, s.masks) if s.annotated else [None] * 4),
            *(
                None if value is None else f'{value:.2f}'
                for value in (s.masks_per_frame, s.objects_per_video)
            ),
        ]
        for name, s in statistics
    ]
    note = 'A mask is an object in a frame. Crowds are counted apart.'
    return Table('Annotation files', note, head, rows)


def leak_table(leaks: Sequence[Leak]) -> Table:
    """Which tested videos were trained on.

    Args:
        leaks: What was found.

    Returns:
        The table.
    """
    rows = []
    for leak in leaks:
        more = len(leak.shared) - SHOWN_LEAKS
        some = ', '.join(leak.shared[:SHOWN_LEAKS]) + (f' and {more} more' if more > 0 else '')
        rows.append([leak.train, leak.valid, len(leak.shared), leak.videos, some])
    head = ('trained on', 'tested on', 'videos in both', 'of the tested', 'folders')
    note = 'Videos of the same folder name in a training split and in a validation split.'
    return Table('Leaks', note, head, rows, (1, 4))
