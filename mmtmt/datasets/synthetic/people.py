"""The figure of a walking person."""

import numpy as np

from .figures import Build, Part, Role, figure
from .geometry import ellipse, limb, smooth


@figure('person', 'plain', 'stripes', 'blotches', upright=0.2, steps=1.0)
def draw_person(build: Build, phase: float) -> list[Part]:
    """A person walking: head with hair, shirt, trousers, swinging arms and bending legs."""
    bob = 0.03 * np.sin(2.0 * phase)
    stride, slim = build.vary(0, 0.5, 0.2), build.vary(1, 0.2)
    hip, shoulder = 0.12 + bob, -0.46 + bob
    parts = _arm(build, phase + np.pi, shoulder, far=True)
    for lag, role in ((np.pi, Role.FAR), (0.0, Role.SECOND)):
        swing = phase + lag
        upper = stride * np.sin(swing)
        lower = upper - 0.45 * (1.0 + np.sin(swing + 1.3))
        leg, foot = limb((0.0, hip), (0.4, 0.42), (upper, lower), (0.27, 0.2, 0.14))
        shoe = smooth(
            [foot + (-0.08, -0.06), foot + (0.1, -0.04), foot + (0.22, 0.06), foot + (-0.08, 0.07)],
            3,
        )
        parts += [Part(leg, role), Part(shoe, Role.DARK)]
    trunk = smooth(
        [
            (-slim, shoulder + 0.02),
            (0.0, shoulder - 0.1),
            (slim, shoulder + 0.02),
            (0.95 * slim, -0.1 + bob),
            (0.85 * slim, hip + 0.08),
            (-0.85 * slim, hip + 0.08),
            (-0.95 * slim, -0.1 + bob),
        ]
    )
    neck, _ = limb((0.02, shoulder - 0.12), (0.12,), (0.0,), (0.12, 0.12))
    x, y = 0.04 + 0.03 * np.sin(phase), shoulder - 0.26
    hair = smooth(
        [(x + 0.12, y - 0.13), (x - 0.04, y - 0.22), (x - 0.2, y - 0.08),
         (x - 0.18, y + 0.1 + build.shift(2, 0.1)), (x - 0.06, y + 0.02)]
    )  # fmt: skip
    parts += [Part(neck, Role.ACCENT), Part(trunk), Part(ellipse(x, y, 0.155, 0.18), Role.ACCENT)]
    parts.append(Part(hair, Role.DARK))
    parts.append(Part(ellipse(x + 0.09, y - 0.02, 0.025, 0.03, 0.0, 8), Role.DARK, False))
    return parts + _arm(build, phase, shoulder, far=False)


def _arm(build: Build, phase: float, shoulder: float, far: bool) -> list[Part]:
    raised = build.shift(3, 0.5)
    upper = -0.6 * np.sin(phase) + raised
    lower = upper + 0.5 + 0.25 * np.sin(phase)
    outline, hand = limb((0.0, shoulder + 0.04), (0.3, 0.28), (upper, lower), (0.17, 0.13, 0.1))
    role = Role.FAR if far else Role.BODY
    return [Part(outline, role), Part(ellipse(hand[0], hand[1], 0.075, 0.075), Role.ACCENT)]
