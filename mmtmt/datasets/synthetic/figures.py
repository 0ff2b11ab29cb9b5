"""What a figure is: parts in painting order, drawn from an individual's build and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

GENES = 10


class Role(IntEnum):
    """What a part is painted with; the number is an index into the individual's palette."""

    BODY = 1
    FAR = 2
    SECOND = 3
    ACCENT = 4
    DARK = 5
    LIGHT = 6
    GLASS = 7


@dataclass(frozen=True)
class Part:
    """One painted outline.

    Attributes:
        points: Outline in figure space, shape (N, 2).
        role: Index into the palette.
        outlined: Whether the outline is drawn too, which tells parts of one colour apart.
    """

    points: np.ndarray
    role: Role = Role.BODY
    outlined: bool = True


@dataclass(frozen=True)
class Build:
    """What distinguishes individuals of one kind: their proportions.

    Attributes:
        genes: Numbers in [-1, 1], shape (GENES,).
    """

    genes: np.ndarray

    def vary(self, index: int, value: float, spread: float = 0.15) -> float:
        """The value, changed by at most the given fraction of itself."""
        return float(value * (1.0 + spread * self.genes[index % GENES]))

    def shift(self, index: int, spread: float) -> float:
        """A number in [-spread, spread]."""
        return float(spread * self.genes[index % GENES])


Draw = Callable[[Build, float], list[Part]]


@dataclass(frozen=True)
class Figure:
    """A kind of object that can be drawn.

    Attributes:
        draw: Gives the parts, in painting order and facing right, from an individual's build and
            the phase of its movement in radians (one period is 2 pi).
        patterns: Names of the surface patterns that individuals of the kind may have.
        upright: Largest tilt in radians; what stands on the ground tilts less than what flies.
        steps: Movement periods per second of video at normal speed.
    """

    draw: Draw
    patterns: tuple[str, ...]
    upright: float = 0.15
    steps: float = 1.0


FIGURES: dict[str, Figure] = {}


def figure(
    kind: str, *patterns: str, upright: float = 0.15, steps: float = 1.0
) -> Callable[[Draw], Draw]:
    """Registers the decorated drawing function as the figure of a kind.

    Args:
        kind: Name of the kind.
        *patterns: See :class:`Figure`.
        upright: See :class:`Figure`.
        steps: See :class:`Figure`.

    Returns:
        The decorator, which returns the function unchanged.
    """

    def register(draw: Draw) -> Draw:
        if kind in FIGURES:
            raise ValueError(f'the kind {kind!r} has a figure already')
        FIGURES[kind] = Figure(draw, patterns, upright, steps)
        return draw

    return register


def mapped(parts: list[Part], change: Callable[[np.ndarray], np.ndarray]) -> list[Part]:
    """The parts with all their points (N, 2) changed at once, which is quicker than one by one."""
    points = change(np.concatenate([part.points for part in parts]))
    result, begin = [], 0
    for part in parts:
        end = begin + len(part.points)
        result.append(Part(points[begin:end], part.role, part.outlined))
        begin = end
    return result


def extent(parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest coordinates (2,) and (2,) of all parts."""
    points = np.concatenate([part.points for part in parts])
    return points.min(axis=0), points.max(axis=0)
