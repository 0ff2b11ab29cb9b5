"""Tables that rename the keys of a checkpoint, readable in both directions."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import Tensor

_FIELDS = {'leaf': r'[A-Za-z_]+', 'rest': r'.+'}


@dataclass(frozen=True)
class Rename:
    """One row of a table: the same tensor's key in two layouts.

    Both sides are templates. ``{leaf}`` stands for a last name such as ``weight``, ``{rest}``
    for any tail, every other field for a number: ``decoder.layers.{i}.norms.0.{leaf}``.

    Args:
        source: Template of the key to read.
        target: Template of the key to write; uses the fields of ``source``.
        transform: Applied to the tensor, None where the values stay as they are.
        inverse: Undoes ``transform``, needed only by tables that are read backwards.
    """

    source: str
    target: str
    transform: Callable[[Tensor], Tensor] | None = None
    inverse: Callable[[Tensor], Tensor] | None = None

    def reversed(self) -> 'Rename':
        """The row read from right to left."""
        return Rename(self.target, self.source, self.inverse, self.transform)


@dataclass
class Conversion:
    """What became of a checkpoint's tensors.

    Args:
        state: The renamed tensors.
        sources: Target key to source key.
        transformed: Target keys whose values were re-ordered.
        dropped: Source keys that the target layout computes itself or doesn't need.
        unexpected: Source keys that no row of the table knows.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    transformed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


class KeyTable:
    """An ordered list of renames, and the keys that are left behind.

    The first row that matches a key decides.

    Args:
        renames: The rows.
        drops: Templates of keys that have no counterpart.

    Example:
        >>> table = KeyTable([Rename('layers.{i}.norm1.{leaf}', 'layers.{i}.norms.0.{leaf}')])
        >>> table.rename('layers.3.norm1.bias')[0]
        'layers.3.norms.0.bias'
    """

    def __init__(self, renames: Iterable[Rename], drops: Iterable[str] = ()) -> None:
        self.renames = tuple(renames)
        self.drops = tuple(drops)
        self._rows = [(_compile(row.source), row) for row in self.renames]
        self._drops = [_compile(template) for template in self.drops]

    def __add__(self, other: 'KeyTable') -> 'KeyTable':
        return KeyTable(self.renames + other.renames, self.drops + other.drops)

    def reversed(self) -> 'KeyTable':
        """The table that leads back. Dropped keys are lost."""
        return KeyTable(row.reversed() for row in self.renames)

    def is_dropped(self, key: str) -> bool:
        """Whether ``key`` has no counterpart on purpose."""
        return any(pattern.fullmatch(key) for pattern in self._drops)

    def rename(self, key: str) -> tuple[str | None, Rename | None]:
        """The target of ``key`` and the row that gave it; two Nones for an unknown key."""
        for pattern, row in self._rows:
            match = pattern.fullmatch(key)
            if match:
                return row.target.format(**match.groupdict()), row
        return None, None

    def convert(self, state: dict[str, Tensor]) -> Conversion:
        """Rename every tensor of ``state``.

        Args:
            state: Tensors by key.

        Returns:
            The tensors under their new keys, and what became of the others.

        Raises:
            ValueError: Two keys of ``state`` lead to one target.
        """
        result = Conversion()
        for key, value in state.items():
            if self.is_dropped(key):
                result.dropped.append(key)
                continue
            target, row = self.rename(key)
            if target is None:
                result.unexpected.append(key)
                continue
            if target in result.state:
                raise ValueError(
                    f'the keys {result.sources[target]!r} and {key!r} both convert '
                    f'to {target!r}: remove one of them from the checkpoint'
                )
            if row.transform is not None:
                value = row.transform(value)
                result.transformed.append(target)
            result.state[target] = value
            result.sources[target] = key
        return result


def _compile(template: str) -> 're.Pattern[str]':
    """Turn a template into a regular expression with a named group per field."""
    seen = set()
    pieces = []
    for piece in re.split(r'(\{\w+\})', template):
        if not piece.startswith('{'):
            pieces.append(re.escape(piece))
            continue
        name = piece[1:-1]
        pieces.append(
            f'(?P={name})' if name in seen else f'(?P<{name}>{_FIELDS.get(name, "[0-9]+")})'
        )
        seen.add(name)
    return re.compile(''.join(pieces))
