"""Draws a planned video: frames, and for every object its visible pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

# Importing a module of figures registers them.
from . import birds, people, quadrupeds, swimmers, things, vehicles  # noqa: F401
from .figures import FIGURES, GENES, Build, Figure, Part, Role
from .motion import Stage, Track, camera_path, pose, random_track
from .painting import Appearance, paint, random_appearance
from .plan import VideoPlan
from .textures import background

_PLACES = 12
"""Places tried when an object is to stand apart from the others."""


@dataclass(frozen=True)
class SceneObject:
    """An object of a video.

    Attributes:
        kind: Its kind.
        visible: Pixels that are seen, shape (T, H, W), bool.
        amodal: Pixels inside the frame that it covers, seen or hidden, shape (T, H, W), bool.
    """

    kind: str
    visible: np.ndarray
    amodal: np.ndarray


@dataclass(frozen=True)
class _Actor:
    kind: Figure
    build: Build
    appearance: Appearance
    track: Track


def draw_video(plan: VideoPlan) -> tuple[np.ndarray, list[SceneObject]]:
    """Draws a video.

    Args:
        plan: What is in it.

    Returns:
        RGB frames of shape (T, H, W, 3), uint8, and the objects from back to front, annotated or
        not. Objects that are never seen are there, too, with empty masks.
    """
    options = plan.options
    height, width = options.height, options.width
    difficulty = options.difficulty
    # A margin around the frame lets the camera pan.
    margin = round(0.2 * height)
    rng = plan.generator('scene')
    scene = background(
        rng,
        height + 2 * margin,
        width + 2 * margin,
        contrast=0.35 + 0.8 * difficulty,
        clutter=round(4 + 16 * difficulty),
    )
    camera = camera_path(rng, plan.length, margin)
    kinds, actors = _cast(plan)
    posts = _foreground(plan)
    light = _Light(plan)
    shape = (len(kinds), plan.length, height, width)
    visible, amodal = np.zeros(shape, bool), np.zeros(shape, bool)
    frames = np.zeros((plan.length, height, width, 3), np.uint8)
    for t in range(plan.length):
        shift = np.array([[1.0, 0.0, -margin + camera[t, 0]], [0.0, 1.0, -margin + camera[t, 1]]])
        canvas = cv2.warpAffine(scene, shift, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        for i, actor in enumerate(actors):
            parts, matrix = pose(actor.kind, actor.build, actor.track, t)
            mask = paint(canvas, parts, actor.appearance, matrix)
            visible[:i, t] &= ~mask
            visible[i, t] = amodal[i, t] = mask
        for part, appearance in posts:
            # What is near moves more than what is far when the camera pans.
            matrix = np.array([[1.0, 0.0, 1.8 * camera[t, 0]], [0.0, 1.0, 1.8 * camera[t, 1]]])
            visible[:, t] &= ~paint(canvas, [part], appearance, matrix)
        frames[t] = light.expose(canvas, t)
    objects = [SceneObject(k, visible[i], amodal[i]) for i, k in enumerate(kinds)]
    return frames, objects


def _cast(plan: VideoPlan) -> tuple[list[str], list[_Actor]]:
    rng = plan.generator('cast')
    options, style = plan.options, plan.style
    kinds = [plan.kinds[i] for i in rng.permutation(len(plan.kinds))]
    stage = Stage(options.height, options.width, plan.length, style.motion, style.crossing)
    places: list[np.ndarray] = []
    actors = []
    for name in kinds:
        kind = FIGURES[name]
        size = rng.uniform(*style.sizes) * options.height
        place = _place(rng, places, size, stage, rng.random() < style.crowding)
        places.append(place)
        build = Build(rng.uniform(-1.0, 1.0, GENES))
        typical = typical_colour(name) if rng.random() < options.typical_colours else None
        appearance = random_appearance(rng, kind, 1.3 - 0.6 * options.difficulty, typical)
        track = random_track(rng, kind, build, size, stage, place)
        actors.append(_Actor(kind, build, appearance, track))
    return kinds, actors


def typical_colour(kind: str) -> tuple[float, float]:
    """Hue and brightness, from 0 to 1, that a kind has when it has its typical colours.

    Args:
        kind: Name of the kind.

    Returns:
        Twelve hues, each in a bright and a dark tone, dealt out in the order of the names.
    """
    hue, dark = divmod(sorted(FIGURES).index(kind), 2)
    return hue / 12, 0.45 if dark else 0.95


def _place(
    rng: np.random.Generator, taken: list[np.ndarray], size: float, stage: Stage, crowded: bool
) -> np.ndarray:
    extent = np.array([stage.width, stage.height])
    if crowded and taken:
        angle, reach = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.3, 0.75) * size
        beside = taken[int(rng.integers(len(taken)))] + reach * np.array(
            [np.cos(angle), 0.6 * np.sin(angle)]
        )
        return np.clip(beside, 0.12 * extent, 0.88 * extent)
    candidates = rng.uniform((0.15, 0.25), (0.85, 0.78), (_PLACES, 2)) * extent
    if not taken:
        return candidates[0]
    away = np.linalg.norm(candidates[:, None] - np.array(taken)[None], axis=-1).min(axis=1)
    return candidates[int(np.argmax(away))]


def _foreground(plan: VideoPlan) -> list[tuple[Part, Appearance]]:
    """Posts, in pixels, that stand in front of all objects."""
    rng = plan.generator('foreground')
    fewest, most = plan.style.foreground
    height, width = plan.options.height, plan.options.width
    post = Figure(draw=lambda build, phase: [], patterns=('mottled', 'planks'))
    items = []
    for _ in range(int(rng.integers(fewest, most + 1))):
        middle, half = rng.uniform(0.1, 0.9) * width, rng.uniform(0.025, 0.05) * width
        lean = rng.uniform(-0.12, 0.12) * width
        top = rng.uniform(-0.1, 0.45) * height if rng.random() < 0.4 else -0.4 * height
        low = 1.4 * height
        corners = [(middle - half, low), (middle - half + lean, top), (middle + half + lean, top),
                   (middle + half, low)]  # fmt: skip
        appearance = random_appearance(rng, post, 0.5)
        items.append((Part(np.array(corners), Role.BODY), appearance))
    return items


class _Light:
    """Exposure of a video: tint, slow changes of brightness, blur and noise."""

    def __init__(self, plan: VideoPlan) -> None:
        rng = plan.generator('light')
        height, width, difficulty = plan.options.height, plan.options.width, plan.options.difficulty
        self._rng = rng
        self._tint = rng.uniform(0.88, 1.12, 3).astype(np.float32)
        time = np.linspace(0.0, 1.0, plan.length)
        drift = rng.uniform(-0.2, 0.2) * time + 0.06 * np.sin(8.0 * time + rng.uniform(0.0, 6.3))
        self._gain = (rng.uniform(0.85, 1.1) * (1.0 + drift)).astype(np.float32)
        slope = rng.uniform(-0.25, 0.25, 2)
        across = np.linspace(-0.5, 0.5, width) * slope[0]
        down = np.linspace(-0.5, 0.5, height) * slope[1]
        self._field = (1.0 + across[None] + down[:, None])[..., None].astype(np.float32)
        self._blur = float(rng.uniform(0.0, 1.1) * difficulty)
        self._noise = float(1.0 + rng.uniform(0.5, 1.0) * 8.0 * difficulty)

    def expose(self, canvas: np.ndarray, frame: int) -> np.ndarray:
        """The picture (H, W, 3), uint8, of a canvas (H, W, 3), float32."""
        picture = canvas * (self._field * (self._gain[frame] * self._tint))
        if self._blur > 0.2:
            picture = cv2.GaussianBlur(picture, (5, 5), self._blur)
        noise = self._rng.standard_normal(canvas.shape, dtype=np.float32)
        return np.clip(picture + self._noise * noise + 0.5, 0.0, 255.0).astype(np.uint8)
