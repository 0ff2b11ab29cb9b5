"""Figures of what people travel in: car, truck, bus, train, motorcycle, bicycle, boat, airplane."""

import numpy as np

from .figures import Build, Part, Role, figure
from .geometry import box, ellipse, ribbon, rotate, smooth


def _wheel(x: float, y: float, radius: float, phase: float) -> list[Part]:
    parts = [
        Part(ellipse(x, y, radius, radius), Role.DARK),
        Part(ellipse(x, y, 0.55 * radius, 0.55 * radius), Role.LIGHT, False),
    ]
    for turn in (0.0, 0.5 * np.pi):
        spoke = rotate(box(-0.5 * radius, -0.1 * radius, 0.5 * radius, 0.1 * radius), phase + turn)
        parts.append(Part(spoke + (x, y), Role.DARK, False))
    return parts


def _panes(left: float, right: float, top: float, bottom: float, count: int) -> list[Part]:
    step = (right - left) / count
    return [
        Part(box(left + (i + 0.1) * step, top, left + (i + 0.9) * step, bottom), Role.GLASS)
        for i in range(count)
    ]


@figure('car', 'plain', 'panels', upright=0.12, steps=1.6)
def draw_car(build: Build, phase: float) -> list[Part]:
    """A three-box sedan: bonnet, cabin with two windows, boot, two wheels."""
    bounce = 0.02 * np.sin(2.0 * phase)
    roof, boot = build.vary(0, 0.36), build.shift(1, 0.1)
    body = smooth(
        [
            (-1.05, 0.2),
            (-1.05, -0.06),
            (-0.6, -0.12),
            (-0.36 + boot, -0.08 - roof),
            (0.24, -0.08 - roof),
            (0.54, -0.1),
            (1.0, -0.02),
            (1.08, 0.22),
            (0.0, 0.26),
        ],
        3,
    ) + (0.0, bounce)
    top = -0.02 - roof
    rear = np.array([(-0.5, -0.1), (-0.31 + boot, top), (-0.05, top), (-0.05, -0.1)])
    front = np.array([(0.02, -0.1), (0.02, top), (0.2, top), (0.42, -0.1)])
    radius = build.vary(2, 0.22, 0.1)
    parts = [Part(body), Part(rear + (0.0, bounce), Role.GLASS)]
    parts += [Part(front + (0.0, bounce), Role.GLASS)]
    parts.append(Part(ellipse(1.0, 0.07 + bounce, 0.06, 0.06), Role.LIGHT))
    parts.append(Part(box(-1.05, 0.0 + bounce, -0.96, 0.12 + bounce), Role.ACCENT))
    return parts + _wheel(-0.6, 0.28, radius, phase) + _wheel(0.62, 0.28, radius, phase)


@figure('truck', 'plain', 'panels', upright=0.1, steps=1.4)
def draw_truck(build: Build, phase: float) -> list[Part]:
    """A lorry: separate cab in front of a tall cargo box, three wheels."""
    bounce = 0.02 * np.sin(2.0 * phase)
    tall = build.vary(0, 0.62)
    frame = box(-1.1, 0.2, 1.05, 0.32)
    cargo = box(-1.12, 0.22 - tall - 0.2 + bounce, 0.38, 0.22 + bounce)
    cab = np.array(
        [(0.46, 0.26), (0.46, -0.4), (0.8, -0.4), (0.96, -0.08), (1.12, -0.04), (1.12, 0.26)]
    ) + (0.0, bounce)
    pane = np.array([(0.58, -0.06), (0.58, -0.3), (0.76, -0.3), (0.88, -0.06)]) + (0.0, bounce)
    parts = [Part(frame, Role.DARK), Part(cargo), Part(cab, Role.SECOND), Part(pane, Role.GLASS)]
    for x in (-0.75, -0.35, 0.0):
        line = ribbon([(x, 0.1 - tall + bounce), (x, 0.16 + bounce)], 0.03)
        parts.append(Part(line, Role.FAR, False))
    parts.append(Part(ellipse(1.1, 0.14 + bounce, 0.05, 0.06), Role.LIGHT))
    radius = build.vary(1, 0.2, 0.1)
    for x in (-0.85, -0.4, 0.74):
        parts += _wheel(x, 0.36, radius, phase)
    return parts


@figure('bus', 'plain', 'panels', upright=0.1, steps=1.4)
def draw_bus(build: Build, phase: float) -> list[Part]:
    """A bus: one long tall box with a row of windows, a door, two wheels."""
    bounce = 0.02 * np.sin(2.0 * phase)
    tall = build.vary(0, 0.78, 0.1)
    top = 0.3 - tall + bounce
    body = smooth(
        [(-1.2, 0.3 + bounce), (-1.22, top + 0.1), (-1.1, top), (1.05, top), (1.2, top + 0.15),
         (1.22, 0.3 + bounce)], 3,
    )  # fmt: skip
    parts = [Part(body)]
    parts += _panes(-1.1, 0.66, top + 0.14, top + 0.42, 5)
    parts.append(Part(box(0.74, top + 0.14, 0.96, 0.26 + bounce), Role.GLASS))
    parts.append(Part(box(1.03, top + 0.14, 1.18, top + 0.46), Role.GLASS))
    parts.append(Part(box(-1.2, 0.04 + bounce, 0.68, 0.1 + bounce), Role.SECOND, False))
    parts.append(Part(ellipse(1.16, 0.2 + bounce, 0.05, 0.06), Role.LIGHT))
    radius = build.vary(1, 0.2, 0.1)
    return parts + _wheel(-0.7, 0.34, radius, phase) + _wheel(0.52, 0.34, radius, phase)


@figure('train', 'plain', 'panels', upright=0.06, steps=1.2)
def draw_train(build: Build, phase: float) -> list[Part]:
    """A steam train: boiler with funnel and dome, cab, tender and many coupled wheels."""
    puff = 0.5 + 0.5 * np.sin(phase)
    parts = []
    boiler = build.vary(0, 0.24, 0.12)
    funnel = build.vary(1, 0.34)
    chimney = np.array(
        [(0.62, -0.1), (0.64, -funnel - 0.1), (0.55, -funnel - 0.24), (0.93, -funnel - 0.24),
         (0.84, -funnel - 0.1), (0.86, -0.1)]
    )  # fmt: skip
    parts += [Part(chimney, Role.DARK), Part(ellipse(0.25, -0.2, 0.13, 0.2), Role.ACCENT)]
    tube = smooth(
        [(-0.2, 0.08 + boiler), (-0.2, 0.04 - boiler), (0.9, 0.04 - boiler), (1.0, 0.06),
         (0.9, 0.08 + boiler)], 3,
    )  # fmt: skip
    parts.append(Part(tube))
    for x in (0.1, 0.45, 0.75):
        parts.append(Part(box(x, 0.04 - boiler, x + 0.05, 0.08 + boiler), Role.FAR, False))
    parts.append(Part(box(-0.7, -0.5, -0.14, 0.34), Role.SECOND))
    parts.append(Part(box(-0.78, -0.6, -0.06, -0.48), Role.DARK))
    parts.append(Part(box(-0.58, -0.38, -0.28, -0.1), Role.GLASS))
    parts.append(Part(box(-1.45, -0.16, -0.78, 0.34), Role.BODY))
    coal = smooth([(-1.42, -0.14), (-1.25, -0.3), (-1.0, -0.24), (-0.82, -0.14)], 3)
    parts.insert(0, Part(coal, Role.DARK))
    parts.append(Part(box(-1.48, 0.3, 1.0, 0.4), Role.DARK))
    parts.append(Part(np.array([(0.95, 0.3), (1.28, 0.56), (0.9, 0.56)]), Role.ACCENT))
    for x, radius in ((-1.28, 0.13), (-0.95, 0.13), (-0.5, 0.2), (-0.06, 0.2), (0.38, 0.2),
                      (0.76, 0.14)):  # fmt: skip
        parts += _wheel(x, 0.58 - radius, radius, phase)
    rod = 0.1 * np.array([np.cos(phase), np.sin(phase)]) + (0.0, 0.38)
    parts.append(Part(ribbon([rod + (-0.5, 0.0), rod + (0.38, 0.0)], 0.05), Role.ACCENT))
    smoke = [(0.74 - 0.35 * s, -funnel - 0.34 - 0.12 * s, 0.1 + 0.05 * s) for s in (0.0, puff)]
    return [Part(ellipse(x, y, 1.4 * r, r), Role.LIGHT) for x, y, r in smoke] + parts


@figure('motorcycle', 'plain', upright=0.25, steps=1.6)
def draw_motorcycle(build: Build, phase: float) -> list[Part]:
    """A motorcycle: two fat wheels close together, tank, seat, engine block, exhaust."""
    radius = build.vary(0, 0.36, 0.1)
    bounce = 0.02 * np.sin(2.0 * phase)
    parts = _wheel(-0.64, 0.3, radius, phase) + _wheel(0.68, 0.3, radius, phase)
    fork = ribbon([(0.68, 0.3), (0.4, -0.36 + bounce), (0.26, -0.46 + bounce)], (0.1, 0.1, 0.06))
    swing = ribbon([(-0.64, 0.3), (0.0, 0.2 + bounce)], (0.08, 0.14))
    exhaust = ribbon([(0.1, 0.36 + bounce), (-0.4, 0.4 + bounce), (-0.9, 0.28 + bounce)],
                     (0.08, 0.1, 0.14))  # fmt: skip
    engine = smooth([(-0.25, -0.04), (0.3, -0.06), (0.36, 0.3), (0.0, 0.44), (-0.24, 0.3)])
    tank = smooth([(-0.14, -0.2), (0.12, -0.36), (0.46, -0.24), (0.4, -0.02), (-0.1, -0.02)])
    seat = smooth([(-0.98, -0.3), (-0.62, -0.22), (-0.12, -0.22), (-0.12, -0.04), (-0.6, -0.02)])
    shield = smooth([(0.42, -0.3), (0.5, -0.62), (0.66, -0.3), (0.64, -0.1)])
    guard = ribbon(
        [(0.34, -0.02), (0.56, -0.14), (0.86, -0.1), (1.0, 0.06)], (0.08, 0.1, 0.1, 0.06)
    )
    for outline, role in (
        (fork, Role.LIGHT), (swing, Role.DARK), (engine, Role.FAR), (exhaust, Role.LIGHT),
        (seat, Role.SECOND), (tank, Role.BODY), (guard, Role.BODY), (shield, Role.BODY),
    ):  # fmt: skip
        parts.append(Part(outline + (0.0, bounce), role))
    parts.append(Part(ellipse(0.64, -0.26 + bounce, 0.08, 0.1), Role.LIGHT))
    return parts


@figure('bicycle', 'plain', upright=0.25, steps=1.2)
def draw_bicycle(build: Build, phase: float) -> list[Part]:
    """A bicycle: two thin open wheels, a frame of tubes, saddle, handlebar, turning pedals."""
    radius = build.vary(0, 0.44, 0.08)
    parts = []
    for x in (-0.6, 0.62):
        turn = np.linspace(0.0, 2.0 * np.pi, 27)
        ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        tyre = np.concatenate([ring * radius, ring[::-1] * (radius - 0.11)]) + (x, 0.25)
        parts.append(Part(tyre, Role.DARK, False))
        for spoke in range(3):
            arm = rotate(np.array([(-radius, 0.0), (radius, 0.0)]) * 0.9, phase + spoke * np.pi / 3)
            parts.append(Part(ribbon(arm + (x, 0.25), 0.035), Role.LIGHT, False))
    rear, front, crank = (-0.6, 0.25), (0.62, 0.25), (-0.05, 0.28)
    saddle, bar = (-0.24, -0.36), (0.44, -0.32)
    for start, end in ((rear, crank), (rear, saddle), (saddle, crank), (crank, bar),
                       (saddle, bar), (bar, front)):  # fmt: skip
        parts.append(Part(ribbon([start, end], 0.11)))
    parts.append(Part(ribbon([bar, (0.4, -0.54), (0.6, -0.6)], (0.09, 0.08, 0.08)), Role.DARK))
    seat = smooth([(-0.46, -0.46), (-0.08, -0.44), (-0.12, -0.36), (-0.4, -0.36)])
    parts.append(Part(ribbon([saddle, (-0.26, -0.42)], 0.09)))
    parts.append(Part(seat, Role.SECOND))
    parts.append(Part(ellipse(*crank, 0.13, 0.13), Role.ACCENT))
    for turn in (0.0, np.pi):
        arm = rotate(np.array([(0.0, 0.0), (0.2, 0.0), (0.28, 0.0)]), phase + turn) + crank
        parts.append(Part(ribbon(arm, (0.05, 0.06, 0.1)), Role.DARK))
    return parts


@figure('boat', 'planks', upright=0.3, steps=0.6)
def draw_boat(build: Build, phase: float) -> list[Part]:
    """A sailing boat: hull, mast, two sails that fill and slacken, a pennant."""
    fill = 0.12 + 0.08 * np.sin(phase)
    tall = build.vary(0, 1.05, 0.12)
    hull = smooth(
        [(-0.95, 0.28), (-0.3, 0.34), (0.4, 0.32), (1.05, 0.16), (0.72, 0.62), (0.1, 0.74),
         (-0.7, 0.66)], 3,
    )  # fmt: skip
    mast = ribbon([(0.05, 0.4), (0.05, 0.3 - tall - 0.1)], 0.07)
    main = smooth(
        [(-0.02, 0.22), (-0.02, 0.3 - tall), (-0.42 - fill, 0.3 - 0.45 * tall), (-0.85, 0.2)], 4
    )
    jib = smooth(
        [(0.14, 0.2), (0.14, 0.42 - tall), (0.5 + fill, 0.3 - 0.4 * tall), (0.88, 0.16)], 4
    )
    wind = 0.08 * np.sin(2.0 * phase)
    flag = np.array([(0.05, 0.2 - tall), (-0.24, 0.26 - tall + wind), (0.05, 0.34 - tall)])
    trim = ribbon([(-0.9, 0.36), (0.2, 0.42), (0.92, 0.3)], 0.06)
    return [
        Part(mast, Role.DARK),
        Part(flag, Role.ACCENT),
        Part(main, Role.LIGHT),
        Part(jib, Role.SECOND),
        Part(hull),
        Part(trim, Role.ACCENT, False),
    ]


@figure('airplane', 'plain', 'panels', upright=0.5, steps=0.5)
def draw_airplane(build: Build, phase: float) -> list[Part]:
    """An airliner from the side: long round fuselage, swept wings, tail fin, engines."""
    slim = build.vary(0, 0.17, 0.15)
    flex = 0.06 * np.sin(phase)
    fuselage = smooth(
        [(-1.2, -0.14), (-0.7, -slim), (0.6, -slim), (1.05, -0.1), (1.22, 0.06), (0.9, slim),
         (-0.5, slim), (-1.0, 0.02)], 4,
    )  # fmt: skip
    fin = np.array([(-1.15, -0.1), (-1.4, -0.72), (-1.16, -0.72), (-0.74, -0.12)])
    far = np.array([(0.24, -0.1), (-0.34, -0.62 - flex), (-0.52, -0.62 - flex), (-0.16, -0.1)])
    near = np.array([(0.36, 0.06), (-0.46, 0.78 + flex), (-0.74, 0.8 + flex), (-0.22, 0.08)])
    plane = np.array([(-0.95, -0.04), (-1.38, 0.26), (-1.5, 0.26), (-1.22, -0.06)])
    engine = ellipse(0.02, 0.36 + 0.3 * flex, 0.2, 0.09)
    parts = [Part(far, Role.FAR), Part(fin, Role.SECOND), Part(fuselage)]
    for x in np.linspace(-0.75, 0.62, 9):
        parts.append(Part(ellipse(float(x), -0.05, 0.045, 0.05, 0.0, 8), Role.GLASS, False))
    cockpit = np.array([(0.86, -0.12), (1.02, -0.09), (1.08, -0.01), (0.88, -0.01)])
    parts += [Part(cockpit, Role.GLASS, False), Part(engine, Role.DARK)]
    return parts + [Part(near, Role.FAR), Part(plane, Role.SECOND)]
