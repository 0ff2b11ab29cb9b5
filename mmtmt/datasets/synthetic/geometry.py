"""Outlines from which the figures of the generated world are put together.

Figure space: x to the right, y downwards, about two units wide, origin near the middle of the body.
"""

from collections.abc import Sequence

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
    turn = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    points = np.stack([rx * np.cos(turn), ry * np.sin(turn)], axis=1)
    return rotate(points, angle) + (cx, cy)


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
    if closed:
        before, after, beyond = (np.roll(control, shift, axis=0) for shift in (1, -1, -2))
        start = control
    else:
        padded = np.concatenate([control[:1], control, control[-1:]])
        before, start, after, beyond = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (part[:, None, :] for part in (before, start, after, beyond))
    curve = 0.5 * (
        2.0 * p1
        + (p2 - p0) * t
        + (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3) * t**2
        + (3.0 * p1 - p0 - 3.0 * p2 + p3) * t**3
    )
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, control[-1:]])


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
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]
    cap = np.array([-0.25 * np.pi, 0.0, 0.25 * np.pi])
    end = _cap(line[-1], along[-1], half[-1], cap[::-1])
    begin = _cap(line[0], -along[0], half[0], cap[::-1])
    return np.concatenate([line + across, end, (line - across)[::-1], begin])


def _cap(centre: Points, direction: Points, radius: float, turns: Points) -> Points:
    side = np.array([-direction[1], direction[0]])
    return centre + radius * (
        np.cos(turns)[:, None] * direction + np.sin(turns)[:, None] * side
    )


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


def wave(length: float, waves: float, phase: float, swing: Sequence[float]) -> Points:
    """A swaying middle line from the origin to the right.

    Args:
        length: Length of the line.
        waves: Number of full waves on it.
        phase: Phase of the wave in radians.
        swing: Height of the wave at equally spaced points (N,).

    Returns:
        Points of shape (N, 2).
    """
    swing = np.asarray(swing, dtype=np.float64)
    x = np.linspace(0.0, 1.0, len(swing))
    return np.stack([length * x, swing * np.sin(2.0 * np.pi * waves * x - phase)], axis=1)
