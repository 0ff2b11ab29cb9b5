"""Outlines from which the figures of the generated world are put together.

Figure space: x to the right, y downwards, about two units wide, origin near the middle of the body.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

Points = np.ndarray


def ellipse(
    cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, corners: int = 22
) -> Points:
    """Outline of an ellipse.

    Args:
        cx: Centre, horizontally.
        cy: Centre, vertically.
        rx: Horizontal radius before the rotation.
        ry: Vertical radius before the rotation.
        angle: Rotation in radians, clockwise on screen.
        corners: Number of points.

    Returns:
        Points of shape (corners, 2).
    """
    points = circle(corners) * (rx, ry)
    return (rotate(points, angle) if angle else points) + (cx, cy)


@cache
def circle(corners: int) -> Points:
    """Points of a unit circle, shape (corners, 2), read-only."""
    turn = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points.setflags(write=False)
    return points


def rotate(points: Points, angle: float, about: Sequence[float] = (0.0, 0.0)) -> Points:
    """Turns points clockwise on screen.

    Args:
        points: Points of shape (N, 2).
        angle: Angle in radians.
        about: The point that stays where it is.

    Returns:
        Turned points of shape (N, 2).
    """
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]])
    centre = np.asarray(about, dtype=np.float64)
    return (np.asarray(points, dtype=np.float64) - centre) @ matrix.T + centre


def smooth(points: Sequence[Sequence[float]], steps: int = 4, closed: bool = True) -> Points:
    """Catmull-Rom curve through control points.

    Args:
        points: Control points of shape (N, 2).
        steps: Curve points per control point.
        closed: Whether the last point is joined to the first.

    Returns:
        Curve points of shape (N * steps, 2), or ((N - 1) * steps + 1, 2) for an open curve.
    """
    control = np.asarray(points, dtype=np.float64)
    ends = (control[-1:], control[:2]) if closed else (control[:1], control[-1:])
    padded = np.concatenate([ends[0], control, ends[1]])
    windows = np.stack([padded[i : len(padded) - 3 + i] for i in range(4)], axis=1)
    curve = (_catmull_rom(steps) @ windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, control[-1:]])


@cache
def _catmull_rom(steps: int) -> np.ndarray:
    """Weights (steps, 4) of four neighbouring control points along a piece of curve."""
    t = np.linspace(0.0, 1.0, steps, endpoint=False)
    powers = np.stack([np.ones_like(t), t, t**2, t**3], axis=1)
    basis = [[0.0, 2.0, 0.0, 0.0], [-1.0, 0.0, 1.0, 0.0], [2.0, -5.0, 4.0, -1.0],
             [-1.0, 3.0, -3.0, 1.0]]  # fmt: skip
    return 0.5 * powers @ np.array(basis)


def ribbon(points: Sequence[Sequence[float]], widths: Sequence[float]) -> Points:
    """Outline of a band with rounded ends: limbs, necks, tails, snakes.

    Args:
        points: Middle line of shape (N, 2), N at least 2.
        widths: Full width at every point of the middle line (N,), or one width for all.

    Returns:
        Outline of shape (2 N + 6, 2).
    """
    line = np.asarray(points, dtype=np.float64)
    half = np.broadcast_to(np.asarray(widths, dtype=np.float64) / 2.0, (len(line),))
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    along /= np.maximum(np.sqrt((along**2).sum(axis=1, keepdims=True)), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]
    cap = np.array([-0.25 * np.pi, 0.0, 0.25 * np.pi])
    end = _cap(line[-1], along[-1], half[-1], cap[::-1])
    begin = _cap(line[0], -along[0], half[0], cap[::-1])
    return np.concatenate([line + across, end, (line - across)[::-1], begin])


def _cap(centre: Points, direction: Points, radius: float, turns: Points) -> Points:
    side = np.array([-direction[1], direction[0]])
    return centre + radius * (np.cos(turns)[:, None] * direction + np.sin(turns)[:, None] * side)


def limb(
    start: Sequence[float],
    lengths: Sequence[float],
    angles: Sequence[float],
    widths: Sequence[float],
) -> tuple[Points, Points]:
    """A jointed limb.

    Args:
        start: Where the limb is attached (2,).
        lengths: Length of every segment (S,).
        angles: Direction of every segment in radians (S,); 0 hangs down, positive swings forwards.
        widths: Full width at the S + 1 joints.

    Returns:
        The outline, shape (2 (S + 1) + 6, 2), and the position of the last joint (2,).
    """
    joints = [np.asarray(start, dtype=np.float64)]
    for length, angle in zip(lengths, angles):
        joints.append(joints[-1] + length * np.array([np.sin(angle), np.cos(angle)]))
    return ribbon(joints, widths), joints[-1]


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Corners of an upright rectangle, shape (4, 2)."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
