"""Figures of things: umbrella, frisbee, tennis racket and computer mouse."""

import numpy as np

from .figures import Build, Part, Role, figure
from .geometry import ellipse, limb, ribbon, smooth


@figure('umbrella', 'sectors', upright=0.6, steps=0.5)
def draw_umbrella(build: Build, phase: float) -> list[Part]:
    """An umbrella that opens and half closes: scalloped canopy, shaft, crooked handle."""
    spread = build.vary(0, 0.95, 0.1) * (0.86 + 0.14 * np.sin(phase))
    tall = 0.62 + 0.16 * (0.95 - spread)
    turn = np.linspace(np.pi, 2.0 * np.pi, 17)
    dome = np.stack([spread * np.cos(turn), tall * np.sin(turn)], axis=1)
    edge = []
    for x in np.linspace(spread, -spread, 17)[1:-1]:
        edge.append((x, -0.13 * abs(np.sin(2.0 * np.pi * (x / spread + 1.0)))))
    shaft = ribbon([(0.0, -tall - 0.16), (0.0, 0.7)], 0.07)
    handle = ribbon([(0.0, 0.6), (0.02, 0.86), (0.15, 0.95), (0.28, 0.86), (0.28, 0.74)], 0.1)
    parts = [Part(shaft, Role.LIGHT), Part(handle, Role.DARK)]
    parts.append(Part(np.concatenate([dome, np.array(edge)])))
    for share in (-0.45, 0.0, 0.45):
        rib = smooth([(0.0, -tall), (0.75 * share * spread, -0.6 * tall), (share * spread, -0.1)],
                     4, closed=False)  # fmt: skip
        parts.append(Part(ribbon(rib, 0.035), Role.DARK, False))
    return parts


@figure('frisbee', 'rings', upright=0.7, steps=1.0)
def draw_frisbee(build: Build, phase: float) -> list[Part]:
    """A flying disc that wobbles: an ellipse with a thick rim and a ring."""
    flat = 0.42 + 0.16 * np.sin(phase) + build.shift(0, 0.08)
    rim = ellipse(0.0, 0.1, 1.0, flat, 0.0, 32)
    return [
        Part(rim, Role.SECOND),
        Part(ellipse(0.0, 0.0, 1.0, flat, 0.0, 32)),
        Part(ellipse(0.0, 0.0, 0.74, 0.72 * flat, 0.0, 28), Role.FAR),
        Part(ellipse(0.0, 0.0, 0.66, 0.64 * flat, 0.0, 28)),
        Part(ellipse(0.0, 0.0, 0.22, 0.2 * flat, 0.0, 16), Role.ACCENT, False),
    ]


@figure('tennis_racket', 'plain', upright=1.2, steps=0.8)
def draw_tennis_racket(build: Build, phase: float) -> list[Part]:
    """A swinging tennis racket: strung oval head, throat, wrapped grip."""
    narrow = build.vary(0, 0.42) * (0.86 + 0.14 * np.sin(phase))
    parts = [Part(ellipse(0.0, -0.5, narrow, 0.56, 0.0, 30), Role.LIGHT, False)]
    for share in (-0.6, -0.2, 0.2, 0.6):
        reach = 0.95 * np.sqrt(1.0 - share**2)
        x, y = share * narrow, -0.5 + share * 0.56
        parts.append(Part(ribbon([(x, -0.5 - 0.53 * reach), (x, -0.5 + 0.53 * reach)], 0.03),
                          Role.DARK, False))  # fmt: skip
        parts.append(Part(ribbon([(-reach * narrow, y), (reach * narrow, y)], 0.03),
                          Role.DARK, False))  # fmt: skip
    turn = np.linspace(0.0, 2.0 * np.pi, 33)
    ring = np.stack([narrow * np.cos(turn), 0.56 * np.sin(turn)], axis=1)
    frame = np.concatenate([ring * 1.16, ring[::-1] * 0.9]) + (0.0, -0.5)
    parts.append(Part(frame, outlined=False))
    for side in (-1.0, 1.0):
        throat = [(side * 0.62 * narrow, -0.06), (side * 0.12, 0.22), (0.0, 0.4)]
        parts.append(Part(ribbon(throat, (0.1, 0.1, 0.12))))
    grip, _ = limb((0.0, 0.34), (0.68,), (0.0,), (0.15, 0.18))
    parts.append(Part(grip, Role.SECOND))
    for y in (0.55, 0.72, 0.89):
        parts.append(Part(ribbon([(-0.08, y + 0.04), (0.08, y - 0.04)], 0.04), Role.DARK, False))
    return parts


@figure('computer_mouse', 'plain', upright=1.0, steps=0.6)
def draw_computer_mouse(build: Build, phase: float) -> list[Part]:
    """A computer mouse from above: egg-shaped, two buttons, a wheel, a wavy cable."""
    wide = build.vary(0, 0.5)
    shell = smooth(
        [(-0.62, 0.0), (-0.5, -0.85 * wide), (0.05, -wide), (0.6, -0.72 * wide), (0.74, 0.0),
         (0.6, 0.72 * wide), (0.05, wide), (-0.5, 0.85 * wide)], 4,
    )  # fmt: skip
    buttons = smooth(
        [(0.16, -0.9 * wide), (0.58, -0.66 * wide), (0.68, 0.0), (0.58, 0.66 * wide),
         (0.16, 0.9 * wide)], 4,
    )  # fmt: skip
    x = np.linspace(0.66, 1.5, 9)
    cable = np.stack([x, 0.16 * (x - 0.66) * np.sin(7.0 * (x - 0.66) - phase)], axis=1)
    return [
        Part(ribbon(cable, 0.09), Role.DARK),
        Part(shell),
        Part(buttons, Role.SECOND),
        Part(ribbon([(0.14, 0.0), (0.7, 0.0)], 0.035), Role.DARK, False),
        Part(ellipse(0.42, 0.0, 0.13, 0.07), Role.DARK),
        Part(ellipse(-0.25, 0.0, 0.09, 0.09), Role.ACCENT, False),
    ]
