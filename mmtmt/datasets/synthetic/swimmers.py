"""Figures that swim: fish, shark and turtle."""

import numpy as np

from .figures import Build, Part, Role, figure
from .geometry import ellipse, rotate, smooth


def _bend(points: np.ndarray, phase: float, swing: float) -> np.ndarray:
    """Swings what lies behind the origin as a swimming body does, more towards the tail."""
    behind = np.clip(0.35 - points[:, 0], 0.0, None)
    sway = swing * behind**1.3 * np.sin(phase - 2.0 * behind)
    return np.stack([points[:, 0] + 0.3 * np.abs(sway), points[:, 1] + sway], axis=1)


def _swim(parts: list[Part], phase: float, swing: float) -> list[Part]:
    return [Part(_bend(part.points, phase, swing), part.role, part.outlined) for part in parts]


@figure('fish', 'scales', 'stripes', 'spots', upright=0.4, steps=1.5)
def draw_fish(build: Build, phase: float) -> list[Part]:
    """A tall-bodied fish: forked tail, sail-like back fin, side fin, large eye."""
    tall = build.vary(0, 0.46, 0.25)
    fork = build.vary(1, 0.42)
    tail = smooth(
        [(-0.5, 0.0), (-0.72, -0.2), (-1.05, -fork), (-0.9, 0.0), (-1.05, fork), (-0.72, 0.2)], 3
    )
    back = smooth([(-0.45, -0.5 * tall), (-0.3, -tall - 0.26), (0.15, -tall - 0.2), (0.3, -0.3)], 3)
    belly = smooth([(-0.35, 0.5 * tall), (-0.3, tall + 0.2), (0.1, 0.8 * tall)], 3)
    body = smooth(
        [
            (-0.62, 0.0),
            (-0.3, -0.72 * tall),
            (0.15, -tall),
            (0.6, -0.55 * tall),
            (0.8, 0.02),
            (0.6, 0.5 * tall),
            (0.15, tall),
            (-0.3, 0.72 * tall),
        ]
    )
    parts = [Part(tail, Role.SECOND), Part(back, Role.SECOND), Part(belly, Role.SECOND), Part(body)]
    parts.append(Part(ellipse(0.71, 0.1, 0.09, 0.04), Role.DARK, False))
    parts.append(Part(ellipse(0.5, -0.12, 0.12, 0.12), Role.LIGHT))
    parts.append(Part(ellipse(0.52, -0.12, 0.07, 0.07), Role.DARK, False))
    fin = smooth([(0.22, 0.05), (-0.12, -0.06), (-0.18, 0.24), (0.1, 0.2)], 3)
    fin = rotate(fin, 0.5 * np.sin(1.5 * phase), (0.2, 0.1))
    return _swim(parts, phase, 0.4) + [Part(fin, Role.SECOND)]


@figure('shark', 'plain', 'mottled', upright=0.35, steps=1.0)
def draw_shark(build: Build, phase: float) -> list[Part]:
    """A long shark: pointed snout, triangular back fin, crescent tail, light belly, gills."""
    tall = build.vary(0, 0.25, 0.15)
    fin = build.vary(1, 0.42)
    tail = np.array([(-0.92, -0.06), (-1.42, -0.55), (-1.16, -0.02), (-1.3, 0.34), (-0.9, 0.08)])
    dorsal = np.array([(-0.22, -0.6 * tall), (-0.2, -tall - fin), (0.0, -tall - 0.8 * fin),
                       (0.24, -0.6 * tall)])  # fmt: skip
    small = np.array([(-0.78, -0.1), (-0.84, -0.28), (-0.62, -0.12)])
    chest = np.array([(0.28, 0.4 * tall), (-0.16, tall + 0.4), (0.02, 0.5 * tall)])
    body = smooth(
        [
            (-1.05, 0.0),
            (-0.5, -0.7 * tall),
            (0.1, -tall),
            (0.65, -0.72 * tall),
            (1.12, -0.02),
            (0.72, 0.55 * tall),
            (0.2, 0.9 * tall),
            (-0.5, 0.6 * tall),
        ]
    )
    belly = smooth(
        [
            (0.92, 0.1),
            (0.62, 0.5 * tall),
            (0.2, 0.86 * tall),
            (-0.5, 0.55 * tall),
            (0.1, 0.3 * tall),
        ]
    )
    parts = [Part(tail), Part(small, Role.FAR), Part(dorsal), Part(body)]
    parts += [Part(belly, Role.LIGHT, False), Part(chest, Role.FAR)]
    for x in (0.34, 0.42, 0.5):
        parts.append(Part(ellipse(x, -0.02, 0.018, 0.09, 0.2, 10), Role.DARK, False))
    parts.append(Part(ellipse(0.84, -0.3 * tall, 0.04, 0.04, 0.0, 10), Role.DARK, False))
    return _swim(parts, phase, 0.3)


@figure('turtle', 'cells', upright=0.3, steps=0.8)
def draw_turtle(build: Build, phase: float) -> list[Part]:
    """A sea turtle in profile: domed shell with plates, paddles, small blunt head."""
    dome = build.vary(0, 0.52)
    stroke = np.sin(phase)
    parts = []
    for role, lag, dx in ((Role.DARK, 0.6, 0.1), (Role.SECOND, 0.0, 0.0)):
        front = smooth([(0.0, -0.08), (-0.16, 0.5), (-0.38, 0.66), (-0.2, 0.06)], 3)
        rear = smooth([(0.06, -0.05), (-0.28, 0.3), (-0.42, 0.26), (-0.16, -0.06)], 3)
        front = rotate(front, 0.75 * np.sin(phase - lag) - 0.15) + (0.45 + dx, 0.2)
        rear = rotate(rear, 0.4 * np.sin(phase + 1.5 - lag)) + (-0.42 + dx, 0.18)
        parts += [Part(front, role), Part(rear, role)]
    far_front, far_rear, near_front, near_rear = parts
    reach = 0.06 * stroke + build.shift(1, 0.05)
    neck = smooth([(0.5, 0.0), (0.86 + reach, -0.2), (0.9 + reach, 0.1), (0.5, 0.24)], 3)
    head = ellipse(0.95 + reach, -0.12, 0.21, 0.17)
    shell = smooth(
        [(-0.82, 0.16), (-0.62, -0.6 * dome), (-0.05, -dome - 0.06), (0.5, -0.6 * dome),
         (0.72, 0.14), (0.0, 0.3)]
    )  # fmt: skip
    rim = smooth([(-0.88, 0.12), (0.0, 0.2), (0.78, 0.1), (0.6, 0.28), (0.0, 0.38), (-0.7, 0.28)])
    tail = np.array([(-0.7, 0.14), (-1.0, 0.28), (-0.66, 0.28)])
    eye = ellipse(1.02 + reach, -0.17, 0.045, 0.045, 0.0, 10)
    return [
        far_front,
        far_rear,
        Part(tail, Role.SECOND),
        Part(neck, Role.SECOND),
        Part(head, Role.SECOND),
        Part(eye, Role.DARK, False),
        Part(shell),
        Part(rim, Role.ACCENT),
        near_front,
        near_rear,
    ]
