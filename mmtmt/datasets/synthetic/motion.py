"""How individuals and the camera move through a video."""

from dataclasses import dataclass

import numpy as np

from .figures import Build, Figure, Part, extent, mapped

FRAMES_PER_SECOND = 6.0
"""Annotated frames per second, as in the real sets, which annotate every fifth frame."""


@dataclass(frozen=True)
class Track:
    """The movement of one object.

    Attributes:
        centres: Position of the figure's middle in pixels, shape (T, 2).
        scales: Pixels per unit of figure space, shape (T,).
        angles: Rotation in radians, shape (T,).
        phases: Phase of the articulation in radians, shape (T,).
        mirrored: Whether the figure faces left.
        wobble: Amplitude of the body's own deformation in figure units.
        middle: The point of figure space that follows `centres`, shape (2,).
    """

    centres: np.ndarray
    scales: np.ndarray
    angles: np.ndarray
    phases: np.ndarray
    mirrored: bool
    wobble: float
    middle: np.ndarray


@dataclass(frozen=True)
class Stage:
    """The frame in which objects move.

    Attributes:
        height: Rows.
        width: Columns.
        length: Number of frames.
        motion: See :class:`~mmtmt.datasets.synthetic.world.SetStyle`.
        crossing: See there.
    """

    height: int
    width: int
    length: int
    motion: float
    crossing: float


def random_track(
    rng: np.random.Generator,
    kind: Figure,
    build: Build,
    size: float,
    stage: Stage,
    start: tuple[float, float],
) -> Track:
    """Draws the movement of one object.

    Args:
        rng: Source of randomness.
        kind: The figure.
        build: The individual's proportions.
        size: Root of its area in pixels, in the middle of the video.
        stage: The frame.
        start: Where the object is in the middle of the video, in pixels.

    Returns:
        The track.
    """
    time = np.linspace(0.0, 1.0, stage.length) if stage.length > 1 else np.array([0.5])
    low, high = extent(kind.draw(build, 0.0))
    unit = size / float(np.sqrt(np.prod(high - low)))
    heading = 1.0 if rng.random() < 0.5 else -1.0
    reach = 0.5 * unit * float(np.max(high - low))
    centres = _path(rng, stage, time, np.array(start), heading, reach)
    growth = rng.uniform(-0.35, 0.35)
    tilt, swing, lag = rng.uniform(-1.0, 1.0), rng.uniform(0.0, 0.5), rng.uniform(0.0, 6.3)
    seconds = np.arange(stage.length) / FRAMES_PER_SECOND
    angles = kind.upright * (0.6 * tilt + swing * np.sin(4.0 * time + lag))
    pace = kind.steps * rng.uniform(0.6, 1.3)
    phases = 2.0 * np.pi * (rng.random() + pace * seconds)
    scales = unit * np.exp(growth * (time - 0.5))
    wobble = rng.uniform(0.01, 0.04)
    return Track(centres, scales, angles, phases, heading < 0.0, wobble, 0.5 * (low + high))


def _path(
    rng: np.random.Generator,
    stage: Stage,
    time: np.ndarray,
    middle: np.ndarray,
    heading: float,
    reach: float,
) -> np.ndarray:
    """A curve through `middle` at half time; it may begin or end outside the frame."""
    travel = stage.motion * rng.uniform(0.04, 0.25) * stage.width * heading
    rise = stage.motion * rng.uniform(-0.08, 0.08) * stage.height
    first, last = middle - (travel, rise), middle + (travel, rise)
    crosses, enters = rng.random() < stage.crossing, rng.random() < 0.5
    outside = reach * rng.uniform(1.15, 2.0)
    if crosses and enters:
        first[0] = -outside if heading > 0.0 else stage.width + outside
    elif crosses:
        last[0] = stage.width + outside if heading > 0.0 else -outside
    before, after = np.clip(2.0 * time, 0.0, 1.0), np.clip(2.0 * time - 1.0, 0.0, 1.0)
    path = first + before[:, None] * (middle - first) + after[:, None] * (last - middle)
    sway = (
        rng.uniform(0.0, 0.03)
        * stage.height
        * np.sin(rng.uniform(3.0, 9.0) * time + rng.uniform(0.0, 6.3))
    )
    path[:, 1] += sway
    return path


def pose(kind: Figure, build: Build, track: Track, frame: int) -> tuple[list[Part], np.ndarray]:
    """The figure at one frame.

    Args:
        kind: The figure.
        build: The individual's proportions.
        track: Its movement.
        frame: Index of the frame.

    Returns:
        Its parts in figure space and the matrix (2, 3) from there to pixels.
    """
    phase = float(track.phases[frame])
    parts = mapped(kind.draw(build, phase), lambda points: _wobble(points, phase, track.wobble))
    angle, scale = track.angles[frame], track.scales[frame]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.diag([-1.0 if track.mirrored else 1.0, 1.0])
    offset = track.centres[frame] - linear @ track.middle
    return parts, np.concatenate([linear, offset[:, None]], axis=1)


def _wobble(points: np.ndarray, phase: float, amplitude: float) -> np.ndarray:
    turn = points[:, ::-1] * (2.5, 2.2) + (phase, 1.3 * phase + 1.0)
    return points + amplitude * np.sin(turn)


def camera_path(rng: np.random.Generator, length: int, reach: float) -> np.ndarray:
    """How far the background has moved at every frame.

    Args:
        rng: Source of randomness.
        length: Number of frames.
        reach: Largest distance from the middle in pixels.

    Returns:
        Offsets (T, 2) in pixels, within [-reach, reach].
    """
    time = np.linspace(-1.0, 1.0, length) if length > 1 else np.zeros(1)
    pan = rng.uniform(-0.7, 0.7, 2) * (1.0, 0.5)
    shake = 0.2 * np.sin(rng.uniform(1.0, 4.0) * time[:, None] + rng.uniform(0.0, 6.3, 2))
    return reach * np.clip(pan * time[:, None] + shake, -1.0, 1.0)
