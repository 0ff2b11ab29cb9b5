"""What can be wrong with a dataset, and the list of what is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

ERROR, WARNING, INFO = 'error', 'warning', 'info'

KINDS: dict[str, tuple[str, str]] = {
    'not-this-form': (ERROR, 'entries that are not of the YouTube-VIS form'),
    'category': (ERROR, 'categories that are malformed or stand twice'),
    'duplicate-video': (ERROR, 'videos whose id stands twice'),
    'duplicate-annotation': (ERROR, 'annotations whose id stands twice'),
    'video-size': (ERROR, 'videos without a possible height and width'),
    'unsafe-name': (ERROR, 'file names that lead out of the folder of frames'),
    'missing-frame': (ERROR, 'frames that are not there'),
    'unreadable-frame': (ERROR, 'frames that cannot be decoded'),
    'frame-size': (ERROR, 'frames of another size than their video'),
    'no-frames': (ERROR, 'videos without a usable frame'),
    'length': (ERROR, 'videos whose length is not the number of their frames'),
    'unknown-video': (ERROR, 'annotations of a video that does not exist'),
    'unknown-category': (ERROR, 'annotations of a category that does not exist'),
    'masks-length': (ERROR, 'annotations without exactly one mask or null per frame'),
    'mask-size': (ERROR, 'masks of another size than their video'),
    'broken-mask': (ERROR, 'masks that cannot be decoded'),
    'lists-length': (WARNING, 'annotations whose boxes or areas are not one per frame'),
    'null-pattern': (WARNING, 'frames with a box or area but no mask, or the other way round'),
    'box': (WARNING, 'boxes that disagree with their masks'),
    'area': (WARNING, 'areas that disagree with their masks'),
    'polygon-outside': (WARNING, 'masks with polygons that reach out of the frame'),
    'polygon-normalised': (WARNING, 'masks with polygons within 0..1, where pixels are expected'),
    'empty-mask': (WARNING, 'masks without a pixel, which should be null'),
    'empty-object': (WARNING, 'objects without a mask in any frame'),
    'iscrowd': (WARNING, 'annotations whose iscrowd is neither 0 nor 1'),
    'id-zero': (WARNING, 'ids of 0, which other tools take for missing'),
    'repeated-frame': (WARNING, 'frames that stand twice'),
    'frame-order': (WARNING, 'videos whose frames are not in the order of their names'),
    'split-leak': (WARNING, 'videos that are in another split too'),
    'overlap': (INFO, 'videos with masks that overlap'),
    'unused-category': (INFO, 'categories without an object'),
    'unannotated-video': (INFO, 'videos without an object'),
    'unused-frames': (INFO, 'folders with frames that no video names'),
}
"""Severity and headline of every kind of problem, in the order in which they are reported."""


_LONGEST_TEXT = 400


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: One of `KINDS`.
        where: Video, annotation, frame, category.
        what: What was expected, and what is there.
        change: What the repaired copy does about it; empty if nothing.
    """

    kind: str
    where: str
    what: str
    change: str = ''


class Report:
    """All problems of a dataset.

    Attributes:
        counts: Numbers of videos, frames, objects and masks that were looked at.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {'videos': 0, 'frames': 0, 'objects': 0, 'masks': 0}
        self._found: dict[str, list[Problem]] = defaultdict(list)

    def add(self, kind: str, where: str, what: str, change: str = '') -> None:
        """Note a problem.

        Args:
            kind: One of `KINDS`.
            where: Video, annotation, frame, category.
            what: What was expected, and what is there.
            change: What the repaired copy does about it; empty if nothing.
        """
        self._found[kind].append(Problem(kind, _printable(where), _printable(what), change))

    def __iter__(self) -> Iterator[Problem]:
        """Go through the problems, kind by kind."""
        for kind in KINDS:
            yield from self._found.get(kind, ())

    def count(self, severity: str) -> int:
        """Number of problems of a severity.

        Args:
            severity: ``'error'``, ``'warning'`` or ``'info'``.

        Returns:
            The number.
        """
        return sum(KINDS[problem.kind][0] == severity for problem in self)

    @property
    def changes(self) -> int:
        """Number of problems that the repaired copy does something about."""
        return sum(bool(problem.change) for problem in self)

    @property
    def clean(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return not self.count(ERROR) and not self.count(WARNING)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            'counts': self.counts,
            'problems': [{'severity': KINDS[p.kind][0], **asdict(p)} for p in self],
        }

    def text(self, examples: int, *, changes: bool = False) -> str:
        """Return the report as text, grouped by kind.

        Args:
            examples: Most examples of each kind.
            changes: Whether to say what the repaired copy does about each.

        Returns:
            Lines to print.
        """
        lines = [', '.join(f'{count} {what}' for what, count in self.counts.items())]
        for kind, (severity, headline) in KINDS.items():
            problems = self._found.get(kind, [])
            if not problems:
                continue
            lines.append(f'\n{severity} {kind}: {len(problems)} {headline}')
            for problem in problems[:examples]:
                change = f' -> {problem.change}' if changes and problem.change else ''
                lines.append(f'  {problem.where}: {problem.what}{change}')
            if len(problems) > examples:
                lines.append(f'  ... and {len(problems) - examples} more')
        totals = [f'{self.count(s)} {s}s' for s in (ERROR, WARNING)] + [f'{self.count(INFO)} notes']
        lines.append(f'\n{", ".join(totals)}')
        return '\n'.join(lines)


def _printable(text: str) -> str:
    """A text that terminals and files take, whatever names the dataset has."""
    text = text.encode('utf-8', 'backslashreplace').decode('utf-8')
    return text if len(text) <= _LONGEST_TEXT else f'{text[:_LONGEST_TEXT]}...'
