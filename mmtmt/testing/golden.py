"""Runs fixtures of reference numbers through this package.

A runner takes a :class:`~mmtmt.testing.fixture.Fixture`, rebuilds its weights and inputs, and
returns the differences between what this package computes and what is stored. Runners are found by
the beginning of a fixture's name, so that the same fixture made with another seed or other sizes
runs too.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .fixture import Difference, Fixture

Runner = Callable[[Fixture], list[Difference]]
RUNNERS: dict[str, Runner] = {}


def register(*prefixes: str) -> Callable[[Runner], Runner]:
    """Make a function the runner of the fixtures whose names begin with one of ``prefixes``."""

    def add(runner: Runner) -> Runner:
        RUNNERS.update(dict.fromkeys(prefixes, runner))
        return runner

    return add


@dataclass
class Outcome:
    """What became of one fixture.

    Args:
        name: The fixture.
        status: 'pass', 'fail' or 'no runner'.
        differences: Every comparison made.
        error: Why it could not be run to the end.
    """

    name: str
    status: str
    differences: list[Difference] = field(default_factory=list)
    error: str = ''

    @property
    def worst(self) -> Difference | None:
        """The comparison that failed, or came closest to failing."""
        return max(self.differences, key=lambda d: d.severity, default=None)

    def line(self, width: int = 0) -> str:
        """One line for the terminal, the name padded to ``width``."""
        text = f'{self.name:<{width}}  {self.status:<9}'
        worst = self.worst
        if worst is not None:
            text += (
                f'  largest difference {worst.largest:.3g} ({worst.name}), '
                f'tolerance {worst.tolerance:.3g}'
            )
        failures = [d.detail for d in self.differences if d.detail]
        reasons = failures[:1] + ([f'{len(failures) - 1} more'] if len(failures) > 1 else [])
        reasons += [self.error] if self.error else []
        return (text + ''.join(f'; {reason}' for reason in reasons)).rstrip()


def find_runner(name: str) -> Runner | None:
    """The runner with the longest prefix of ``name``; None where there is none."""
    from . import runners  # noqa: F401  (registers)

    known = [prefix for prefix in RUNNERS if name.startswith(prefix)]
    return RUNNERS[max(known, key=len)] if known else None


def find_fixtures(folder: str | Path) -> list[Path]:
    """The fixtures in a folder and below it, as paths without suffix, sorted.

    Args:
        folder: Where to look.

    Returns:
        Path of each fixture.

    Raises:
        FileNotFoundError: There is no such folder, or no fixture in it.
    """
    folder = Path(folder)
    found = {path.with_suffix('') for path in folder.rglob('*.npz')}
    # One whose arrays are missing has to fail; other json files may lie beside the fixtures.
    described = {path.with_suffix('') for path in folder.rglob('*.json')}
    found |= {path for path in described if find_runner(path.name) is not None}
    if not found:
        raise FileNotFoundError(f'no fixtures (NAME.json beside NAME.npz) in {folder.absolute()}')
    return sorted(found)


def check(path: str | Path) -> Outcome:
    """Run one fixture; a failure of any kind is an outcome, not an exception."""
    name = Path(path).name
    runner = find_runner(name)
    if runner is None:
        return Outcome(name, 'no runner')
    try:
        differences = runner(Fixture.load(path))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(
            name,
            'fail',
            error=f'{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})',
        )
    if not differences:
        return Outcome(name, 'fail', error='the runner compared nothing')
    return Outcome(name, 'pass' if all(d.ok for d in differences) else 'fail', differences)
