"""Figures of birds: duck, owl, parrot and eagle."""

import numpy as np

from .figures import Build, Part, Role, figure
from .geometry import ellipse, limb, ribbon, rotate, smooth


def _eye(x: float, y: float, size: float) -> list[Part]:
    return [
        Part(ellipse(x, y, size, size, 0.0, 12), Role.LIGHT, False),
        Part(ellipse(x + 0.15 * size, y, 0.6 * size, 0.65 * size, 0.0, 10), Role.DARK, False),
    ]


@figure('duck', 'plain', 'feathers')
def draw_duck(build: Build, phase: float) -> list[Part]:
    """A waddling duck: boat-shaped trunk, bent neck, flat bill, webbed feet."""
    bob = 0.03 * np.sin(2.0 * phase)
    parts = []
    for dx, turn, role in ((0.08, np.pi, Role.DARK), (-0.08, 0.0, Role.ACCENT)):
        angle = 0.45 * np.sin(phase + turn)
        leg, foot = limb((dx, 0.28), (0.28,), (angle,), (0.09, 0.08))
        web = [foot, foot + (0.2, 0.06), foot + (-0.04, 0.08)]
        parts += [Part(leg, role), Part(np.array(web), role)]
    tall = build.vary(0, 0.32)
    trunk = smooth(
        [
            (-0.78, -0.34 + bob),
            (-0.35, -0.16 - 0.3 * tall + bob),
            (0.2, -0.2 - 0.2 * tall + bob),
            (0.56, -0.1 + bob),
            (0.5, 0.22 + bob),
            (0.0, 0.18 + 0.5 * tall + bob),
            (-0.5, 0.14 + bob),
        ]
    )
    nod = 0.07 * np.sin(2.0 * phase + 0.5)
    reach = build.vary(1, 0.45)
    crown = np.array([0.55 + nod, -0.16 - reach + bob])
    neck = ribbon([(0.4, 0.0 + bob), (0.58, -0.22 + bob), crown], (0.34, 0.22, 0.2))
    bill = build.vary(2, 0.3)
    beak = smooth(
        [
            crown + (0.1, -0.06),
            crown + (0.2 + 0.6 * bill, 0.0),
            crown + (0.2 + bill, 0.07),
            crown + (0.12, 0.1),
        ]
    )
    parts += [Part(trunk), Part(neck, Role.SECOND), Part(beak, Role.ACCENT)]
    parts.append(Part(ellipse(crown[0], crown[1], 0.2, 0.18), Role.SECOND))
    parts += _eye(crown[0] + 0.07, crown[1] - 0.04, 0.055)
    lift = 0.16 * np.sin(phase)
    wing = smooth(
        [(0.22, -0.12 + bob), (-0.1, 0.16 + bob), (-0.58, -0.12 - lift + bob), (-0.15, -0.22 + bob)]
    )
    return parts + [Part(wing, Role.FAR)]


@figure('owl', 'feathers', 'spots')
def draw_owl(build: Build, phase: float) -> list[Part]:
    """A perching owl seen from the front: ear tufts, a face disc with large eyes, folded wings."""
    wide, tall = build.vary(0, 0.42), build.vary(1, 0.6)
    sway, lean = 0.12 * np.sin(phase), 0.3 * np.sin(0.5 * phase)
    parts = []
    for side in (-1.0, 1.0):
        for toe in (-0.07, 0.05):
            foot = (side * 0.17 + toe, 0.92 * tall)
            parts.append(Part(ellipse(foot[0], foot[1], 0.06, 0.12), Role.ACCENT))
    tail = [(-0.16, 0.4), (0.16, 0.4), (0.12, tall + 0.32), (-0.12, tall + 0.32)]
    parts = [Part(np.array(tail), Role.FAR)] + parts
    parts.append(Part(ellipse(0.0, 0.2, wide, tall)))
    parts.append(Part(ellipse(0.0, 0.34, 0.6 * wide, 0.68 * tall), Role.SECOND, False))
    for side in (-1.0, 1.0):
        lift = 0.16 + 0.2 * (1.0 + np.sin(phase)) * 0.5
        wing = smooth([(0.0, -0.32), (0.2, 0.0), (0.14, 0.6), (-0.06, 0.3)]) * (side, 1.0)
        wing = rotate(wing, -side * lift, (0.0, -0.3)) + (side * 0.8 * wide, 0.12)
        parts.append(Part(wing, Role.FAR))
    head: list[Part] = []
    for side in (-1.0, 1.0):
        tuft = [(0.12, -0.66), (0.38, -0.98 - build.shift(2, 0.08)), (0.4, -0.5)]
        head.append(Part(np.array(tuft) * (side, 1.0)))
    head.append(Part(ellipse(0.0, -0.42, build.vary(3, 0.44), 0.36)))
    for side in (-1.0, 1.0):
        head.append(Part(ellipse(side * 0.18, -0.42, 0.2, 0.21), Role.LIGHT))
        head.append(Part(ellipse(side * 0.17, -0.42, 0.11, 0.12), Role.DARK, False))
    head.append(Part(np.array([(-0.07, -0.36), (0.07, -0.36), (0.0, -0.16)]), Role.ACCENT))
    head = [Part(rotate(p.points, lean, (0.0, -0.35)), p.role, p.outlined) for p in head]
    return [Part(rotate(p.points, sway, (0.0, 0.9)), p.role, p.outlined) for p in parts + head]


@figure('parrot', 'plain', 'feathers', upright=0.3)
def draw_parrot(build: Build, phase: float) -> list[Part]:
    """A parrot in profile: round head, hooked beak, body leaning, very long tail."""
    lift = 0.5 + 0.5 * np.sin(phase)
    sway = 0.12 * np.sin(phase + 1.0)
    length = build.vary(0, 1.0)
    tail, _ = limb(
        (-0.1, 0.3), (0.5 * length, 0.5 * length), (-0.35 + sway, -0.45 + 1.6 * sway),
        (0.22, 0.18, 0.06),
    )  # fmt: skip
    middle, _ = limb(
        (-0.06, 0.34), (0.4 * length, 0.36 * length), (-0.2 + sway, -0.28 + 1.6 * sway),
        (0.18, 0.14, 0.06),
    )  # fmt: skip
    parts = [Part(tail, Role.ACCENT), Part(middle, Role.SECOND)]
    for dx in (0.02, 0.16):
        parts.append(Part(ellipse(dx, 0.5, 0.07, 0.1), Role.DARK))
    trunk = smooth(
        [(-0.22, 0.42), (-0.28, 0.0), (-0.02, -0.42), (0.3, -0.36), (0.34, 0.1), (0.12, 0.5)]
    )
    parts.append(Part(trunk))
    nod = 0.05 * np.sin(2.0 * phase)
    x, y = 0.2 + nod, -0.56
    size = build.vary(1, 0.26, 0.1)
    hook = smooth(
        [(x + 0.14, y - 0.12), (x + 0.36, y - 0.08), (x + 0.42, y + 0.22), (x + 0.28, y + 0.1),
         (x + 0.16, y + 0.14)]
    )  # fmt: skip
    crest = ribbon([(x - 0.05, y - 0.2), (x - 0.22, y - 0.36 - build.shift(2, 0.1))], (0.16, 0.05))
    parts += [Part(crest, Role.ACCENT), Part(hook, Role.DARK), Part(ellipse(x, y, size, size))]
    parts.append(Part(ellipse(x + 0.1, y + 0.02, 0.11, 0.12), Role.LIGHT, False))
    parts += _eye(x + 0.1, y - 0.02, 0.06)
    wing = smooth([(0.1, -0.26), (0.16, 0.08), (-0.12, 0.56), (-0.24, 0.1)])
    wing = rotate(wing, 0.9 * lift, (0.06, -0.2))
    return parts + [Part(wing, Role.SECOND)]


@figure('eagle', 'feathers', 'mottled', upright=0.8, steps=1.2)
def draw_eagle(build: Build, phase: float) -> list[Part]:
    """A soaring eagle from below: two long fingered wings that beat, fanned tail, hooked beak."""
    span, fan = build.vary(0, 1.25), build.vary(1, 0.26)
    beat = 0.34 * np.sin(phase)
    turn = build.shift(2, 0.3)
    parts = []
    for side, role in ((-1.0, Role.BODY), (1.0, Role.FAR)):
        wing = [(0.1, -0.2), (0.42 * span, -0.42), (0.72 * span, -0.34)]
        for finger, drop in ((1.0, -0.1), (0.97, 0.06), (0.88, 0.2), (0.74, 0.3)):
            wing += [(finger * span, drop), ((finger - 0.16) * span, drop - 0.06)]
        wing += [(0.42 * span, 0.26), (0.12, 0.22)]
        points = np.array(wing)
        # The farther out, the more a beat lifts the wing and foreshortens it.
        points[:, 1] -= beat * (points[:, 0] / span) ** 1.5 * 1.4
        points[:, 0] *= 1.0 - 0.2 * abs(beat)
        parts.append(Part(points * (side, 1.0), role))
    tail = [(-0.1, 0.25), (-fan, 0.72), (0.0, 0.78), (fan, 0.72), (0.1, 0.25)]
    trunk = smooth([(0.0, -0.42), (0.19, -0.15), (0.12, 0.3), (-0.12, 0.3), (-0.19, -0.15)])
    beak = smooth([(0.07, -0.62), (0.22, -0.58), (0.25, -0.42), (0.16, -0.46), (0.07, -0.46)], 3)
    head = [
        Part(beak, Role.ACCENT),
        Part(ellipse(0.0, -0.52, 0.14, 0.15), Role.LIGHT),
        *_eye(0.05, -0.55, 0.035),
    ]
    head = [Part(rotate(p.points, turn, (0.0, -0.4)), p.role, p.outlined) for p in head]
    claws = [
        Part(ribbon([(side * 0.07, 0.28), (side * 0.1, 0.42)], (0.08, 0.06)), Role.ACCENT)
        for side in (-1.0, 1.0)
    ]
    return [Part(np.array(tail), Role.LIGHT), *parts, Part(trunk), *claws, *head]
