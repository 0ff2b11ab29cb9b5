"""Figures on four legs: one construction, a row of proportions per kind."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from .figures import FIGURES, Build, Figure, Part, Role
from .geometry import ellipse, limb, ribbon, rotate, smooth


@dataclass(frozen=True)
class Anatomy:
    """Proportions of a four-legged kind, in figure units (the trunk is about one unit long).

    Attributes:
        body: Length and height of the trunk.
        leg: Length and width of a leg.
        neck: Length, width at the shoulder, width at the head.
        pose: Angle of the neck above the horizontal, in radians.
        head: Length and height of the skull.
        snout: Length and height of the muzzle.
        ear: Length and width of an ear.
        tail: Length and width of the tail.
        tail_angle: Its direction in radians: 0 hangs down, pi / 2 points backwards.
        hump: How far the back is arched (negative: it sags).
        extras: What else is drawn: crest, tuft (of the tail), ossicones, trunk (with tusks and the
            large ears), round_ears (and a bent tail).
    """

    body: tuple[float, float]
    leg: tuple[float, float]
    neck: tuple[float, float, float]
    pose: float
    head: tuple[float, float]
    snout: tuple[float, float]
    ear: tuple[float, float]
    tail: tuple[float, float]
    tail_angle: float
    hump: float
    extras: tuple[str, ...]


GIRAFFE = Anatomy(
    body=(0.85, 0.42),
    leg=(0.85, 0.11),
    neck=(1.1, 0.34, 0.16),
    pose=1.15,
    head=(0.26, 0.17),
    snout=(0.22, 0.11),
    ear=(0.15, 0.07),
    tail=(0.5, 0.05),
    tail_angle=0.2,
    hump=0.02,
    extras=('ossicones', 'tuft'),
)
ZEBRA = Anatomy(
    body=(1.0, 0.46),
    leg=(0.55, 0.12),
    neck=(0.42, 0.38, 0.26),
    pose=0.8,
    head=(0.3, 0.23),
    snout=(0.26, 0.16),
    ear=(0.18, 0.09),
    tail=(0.42, 0.05),
    tail_angle=0.3,
    hump=-0.02,
    extras=('crest', 'tuft'),
)
ELEPHANT = Anatomy(
    body=(1.25, 0.82),
    leg=(0.5, 0.26),
    neck=(0.2, 0.6, 0.5),
    pose=0.45,
    head=(0.5, 0.5),
    snout=(0.1, 0.2),
    ear=(0.5, 0.52),
    tail=(0.42, 0.06),
    tail_angle=0.2,
    hump=0.05,
    extras=('trunk',),
)
MOUSE = Anatomy(
    body=(0.72, 0.46),
    leg=(0.1, 0.09),
    neck=(0.03, 0.34, 0.28),
    pose=0.0,
    head=(0.34, 0.3),
    snout=(0.2, 0.11),
    ear=(0.26, 0.26),
    tail=(0.95, 0.055),
    tail_angle=1.25,
    hump=0.08,
    extras=('round_ears',),
)


def draw_quadruped(anatomy: Anatomy, build: Build, phase: float) -> list[Part]:
    """Parts of a walking four-legged animal.

    Args:
        anatomy: Proportions of the kind.
        build: Proportions of the individual.
        phase: Phase of its gait in radians.

    Returns:
        Parts in painting order.
    """
    length, height = build.vary(0, anatomy.body[0], 0.1), build.vary(1, anatomy.body[1], 0.1)
    bob = 0.025 * np.sin(2.0 * phase)
    parts = _tail(anatomy, build, phase, (-0.46 * length, -0.18 * height + bob))
    parts += _legs(anatomy, build, phase, length, height, far=True)
    parts.append(Part(_trunk(anatomy, length, height, bob)))
    parts += _legs(anatomy, build, phase, length, height, far=False)
    parts += _head(anatomy, build, phase, (0.4 * length, -0.2 * height + bob))
    return parts


def _trunk(anatomy: Anatomy, length: float, height: float, bob: float) -> np.ndarray:
    a, b = length / 2.0, height / 2.0
    back = [(-a, -0.1 * b), (-0.75 * a, -0.9 * b), (0.0, -b - anatomy.hump), (0.7 * a, -b)]
    front = [(a, -0.2 * b), (0.8 * a, 0.75 * b), (0.1 * a, 0.95 * b), (-0.7 * a, 0.85 * b)]
    return smooth(np.array(back + front) + (0.0, bob))


def _legs(
    anatomy: Anatomy, build: Build, phase: float, length: float, height: float, far: bool
) -> list[Part]:
    leg, width = build.vary(2, anatomy.leg[0]), build.vary(3, anatomy.leg[1])
    segment = 0.5 * leg + 0.12 * height
    parts = []
    for position, offset, bend in ((-0.36, 0.0, 0.35), (0.34, 1.1, 0.25)):
        swing = phase + offset + (np.pi if far else 0.0)
        hip = (position * length + (0.05 if far else 0.0), 0.22 * height)
        upper = 0.5 * np.sin(swing)
        lower = upper - bend * (1.0 + np.sin(swing + 1.2))
        outline, foot = limb(
            hip,
            (segment, segment),
            (upper, 0.5 * (upper + lower)),
            (1.5 * width, width, 0.85 * width),
        )
        parts.append(Part(outline, Role.FAR if far else Role.BODY))
        parts.append(Part(ellipse(foot[0] + 0.03, foot[1], 0.62 * width, 0.4 * width), Role.DARK))
    return parts


def _tail(anatomy: Anatomy, build: Build, phase: float, root: tuple[float, float]) -> list[Part]:
    length, width = build.vary(4, anatomy.tail[0]), anatomy.tail[1]
    sway = anatomy.tail_angle + 0.3 * np.sin(phase + 0.7) + build.shift(5, 0.15)
    bend = 0.8 if 'round_ears' in anatomy.extras else 0.25
    angles = -np.array([sway, sway + 0.5 * bend, sway + bend])
    widths = (1.3 * width, width, 0.9 * width, 0.7 * width)
    outline, tip = limb(root, (0.34 * length,) * 3, angles, widths)
    parts = [Part(outline)]
    if 'tuft' in anatomy.extras:
        parts.append(Part(ellipse(tip[0], tip[1], 0.06, 0.1), Role.DARK))
    return parts


def _head(
    anatomy: Anatomy, build: Build, phase: float, shoulder: tuple[float, float]
) -> list[Part]:
    nod = 0.12 * np.sin(phase + 0.4) + build.shift(6, 0.15)
    angle = anatomy.pose + nod
    reach, low, high = build.vary(7, anatomy.neck[0], 0.12), *anatomy.neck[1:]
    direction = np.array([np.cos(angle), -np.sin(angle)])
    base = np.array(shoulder) - 0.1 * direction
    top = np.array(shoulder) + reach * direction
    middle = 0.5 * (base + top)
    parts = [Part(ribbon([base, middle, top], (low, 0.45 * low + 0.55 * high, high)))]
    if 'crest' in anatomy.extras:
        behind = np.array([-np.sin(angle), -np.cos(angle)])
        crest = [base + 0.42 * low * behind, middle + 0.42 * low * behind]
        crest.append(top + 0.75 * high * behind)
        parts.append(Part(ribbon(crest, (0.1, 0.15, 0.12)), Role.DARK))
    skull = _skull(anatomy, build, phase, top)
    tilt = 0.35 - nod
    return parts + [Part(rotate(p.points, tilt, top), p.role, p.outlined) for p in skull]


def _skull(anatomy: Anatomy, build: Build, phase: float, top: np.ndarray) -> list[Part]:
    long, tall = anatomy.head[0] / 2.0, anatomy.head[1] / 2.0
    x, y = top[0] + 0.6 * long, top[1]
    parts = []
    if 'trunk' not in anatomy.extras:
        parts += _ears(anatomy, build, phase, x, y, long, tall)
        parts += _muzzle(anatomy, build, x, y, long, tall)
    else:
        curl = 0.35 * np.sin(phase)
        angles = (0.55, 0.1 + 0.5 * curl, -0.1 + curl, 0.3 + 1.6 * curl)
        widths = (0.3, 0.24, 0.2, 0.16, 0.14)
        nose, _ = limb((x + 0.7 * long, y + 0.1), (0.24,) * 4, angles, widths)
        tusk = ribbon([(x + 0.6 * long, y + 0.25), (x + long + 0.2, y + 0.36)], (0.12, 0.05))
        parts += [Part(nose), Part(tusk, Role.LIGHT)]
    parts.append(Part(ellipse(x, y, long, tall)))
    if 'trunk' in anatomy.extras:
        size, width = build.vary(9, anatomy.ear[0]), anatomy.ear[1]
        flap = 0.42 + 0.1 * np.sin(phase + 2.0)
        parts.append(Part(ellipse(x - 0.6 * long, y + 0.08, width * flap, size * 0.62, 0.2)))
    if 'ossicones' in anatomy.extras:
        for dx in (-0.3, 0.2):
            root = (x + dx * long, y - 0.7 * tall)
            tip = (root[0] - 0.03, root[1] - 0.17)
            parts.append(Part(ribbon([root, tip], 0.06), Role.DARK))
            parts.append(Part(ellipse(*tip, 0.055, 0.055, 0.0, 10), Role.DARK))
    eye = (x + 0.42 * long, y - 0.22 * tall)
    parts.append(Part(ellipse(*eye, 0.06, 0.06, 0.0, 10), Role.LIGHT, False))
    parts.append(Part(ellipse(eye[0] + 0.01, eye[1], 0.036, 0.04, 0.0, 8), Role.DARK, False))
    return parts


def _muzzle(
    anatomy: Anatomy, build: Build, x: float, y: float, long: float, tall: float
) -> list[Part]:
    reach, thick = anatomy.snout[0], build.vary(8, anatomy.snout[1])
    line = [(x + 0.2 * long, y + 0.15 * tall), (x + long + 0.55 * reach, y + 0.3 * tall)]
    tip = ellipse(x + long + 0.6 * reach, y + 0.15 * tall, 0.26 * thick, 0.3 * thick)
    return [Part(ribbon(line, (1.35 * thick, thick))), Part(tip, Role.DARK)]


def _ears(
    anatomy: Anatomy,
    build: Build,
    phase: float,
    x: float,
    y: float,
    long: float,
    tall: float,
) -> list[Part]:
    size, width = build.vary(9, anatomy.ear[0]), anatomy.ear[1]
    if 'round_ears' in anatomy.extras:
        far, near = (
            ellipse(x + dx * long, y + dy * tall, 0.55 * size, 0.6 * size)
            for dx, dy in ((0.15, -1.1), (-0.6, -1.0))
        )
        inner = ellipse(x - 0.6 * long, y - tall, 0.33 * size, 0.38 * size)
        return [Part(far, Role.FAR), Part(near), Part(inner, Role.ACCENT, False)]
    twitch = 0.12 * np.sin(phase + 2.0)
    parts = []
    for dx, turn in ((-0.6, -0.7), (-0.2, -0.1)):
        tip = np.array([np.sin(turn + twitch), -np.cos(turn + twitch)]) * size
        root = np.array([x + dx * long, y - 0.6 * tall])
        line = [root, root + 0.5 * tip, root + tip]
        parts.append(Part(ribbon(line, (0.9 * width, width, 0.3 * width))))
    return parts


def _register() -> None:
    rows = (
        ('giraffe', GIRAFFE, ('cells',)),
        ('zebra', ZEBRA, ('stripes',)),
        ('elephant', ELEPHANT, ('plain', 'mottled')),
        ('mouse', MOUSE, ('plain', 'mottled')),
    )
    for kind, anatomy, patterns in rows:
        FIGURES[kind] = Figure(partial(draw_quadruped, anatomy), patterns)


_register()
