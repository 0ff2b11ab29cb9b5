"""Surface patterns of figures and backgrounds of scenes, all from a seeded generator."""

from collections.abc import Callable

import cv2
import numpy as np

TILE = 128
"""Side of a surface tile in pixels."""
TILE_REACH = 1.7
"""A tile covers figure space from minus this to plus this in both directions."""

Pattern = Callable[[np.random.Generator], np.ndarray]
PATTERNS: dict[str, Pattern] = {}


def _pattern(function: Pattern) -> Pattern:
    PATTERNS[function.__name__] = function
    return function


def value_noise(
    rng: np.random.Generator, height: int, width: int, cells: float, octaves: int = 3
) -> np.ndarray:
    """Smooth random field.

    Args:
        rng: Source of randomness.
        height: Rows of the field.
        width: Columns of the field.
        cells: Number of coarsest cells along the height.
        octaves: Number of layers, each of twice the frequency and half the strength.

    Returns:
        Field of shape (height, width), float32, from 0 to 1.
    """
    field = np.zeros((height, width), np.float32)
    total = 0.0
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave) + 1)
        columns = max(2, round(cells * 2**octave * width / height) + 1)
        grid = rng.random((rows, columns), dtype=np.float32)
        weight = 0.5**octave
        field += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += weight
    return np.clip(field / total, 0.0, 1.0)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-TILE_REACH, TILE_REACH, TILE, dtype=np.float32)
    return np.meshgrid(line, line)


def _step(field: np.ndarray, edge: float, softness: float) -> np.ndarray:
    return np.clip((field - edge) / softness + 0.5, 0.0, 1.0).astype(np.float32)


@_pattern
def plain(rng: np.random.Generator) -> np.ndarray:
    """Almost one colour."""
    return 0.3 * value_noise(rng, TILE, TILE, 4)


@_pattern
def mottled(rng: np.random.Generator) -> np.ndarray:
    """Small soft patches."""
    return _step(value_noise(rng, TILE, TILE, 14, 2), 0.52, 0.25)


@_pattern
def blotches(rng: np.random.Generator) -> np.ndarray:
    """Few large patches with sharp edges."""
    return _step(value_noise(rng, TILE, TILE, 6, 2), 0.54, 0.04)


@_pattern
def stripes(rng: np.random.Generator) -> np.ndarray:
    """Upright stripes, slightly bent."""
    x, y = _grid()
    bend = 0.35 * value_noise(rng, TILE, TILE, 4, 2) + rng.uniform(-0.15, 0.15) * y
    wave = np.sin(2.0 * np.pi * ((x + bend) * rng.uniform(4.2, 5.4) + rng.random()))
    return _step(wave, 0.0, 0.5)


@_pattern
def spots(rng: np.random.Generator) -> np.ndarray:
    """Round spots on a jittered grid."""
    tile = np.zeros((TILE, TILE), np.uint8)
    pitch = int(rng.integers(11, 15))
    for row, y in enumerate(range(0, TILE + pitch, pitch)):
        for x in range((row % 2) * pitch // 2, TILE + pitch, pitch):
            dx, dy = rng.integers(-2, 3, size=2)
            cv2.circle(tile, (int(x + dx), int(y + dy)), int(rng.integers(3, 5)), 255, -1)
    return cv2.GaussianBlur(tile, (3, 3), 0).astype(np.float32) / 255.0


@_pattern
def cells(rng: np.random.Generator) -> np.ndarray:
    """Dark polygons with light seams."""
    # A quarter of the tile's points is enough for straight seams, and quick.
    x, y = (coordinate[::2, ::2] for coordinate in _grid())
    pitch = rng.uniform(0.24, 0.32)
    columns = np.arange(-TILE_REACH, TILE_REACH + pitch, pitch)
    centres = np.stack(np.meshgrid(columns, columns), axis=-1).reshape(-1, 2)
    centres = (centres + rng.uniform(-0.38, 0.38, centres.shape) * pitch).astype(np.float32)
    away = (x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2
    nearest = np.sqrt(np.partition(away, 1, axis=-1)[..., :2])
    seam = cv2.resize(nearest[..., 1] - nearest[..., 0], (TILE, TILE))
    return _step(seam, 0.06, 0.04)


def _arcs(rng: np.random.Generator, pitch: float, stretch: float) -> np.ndarray:
    x, y = _grid()
    row = np.floor(x / pitch)
    u = x / pitch - row
    v = y / (pitch * stretch) + 0.5 * (row % 2) + 0.2 * rng.random()
    v = v - np.floor(v) - 0.5
    return _step(u + 2.2 * v**2, 0.62, 0.25)


@_pattern
def scales(rng: np.random.Generator) -> np.ndarray:
    """Rows of overlapping arcs."""
    return _arcs(rng, rng.uniform(0.19, 0.24), 1.3)


@_pattern
def feathers(rng: np.random.Generator) -> np.ndarray:
    """Fine rows of narrow arcs."""
    return 0.8 * _arcs(rng, rng.uniform(0.14, 0.18), 0.7)


@_pattern
def panels(rng: np.random.Generator) -> np.ndarray:
    """Thin seams of sheet metal and one wide band."""
    x, y = _grid()
    pitch = rng.uniform(0.4, 0.6)
    seam = np.abs(x / pitch - np.round(x / pitch)) * pitch < 0.02
    middle = rng.uniform(-0.2, 0.15)
    band = np.abs(y - middle) < rng.uniform(0.04, 0.1)
    return np.maximum(0.6 * seam, band).astype(np.float32)


@_pattern
def planks(rng: np.random.Generator) -> np.ndarray:
    """Lengthwise boards with grain."""
    _, y = _grid()
    pitch = rng.uniform(0.11, 0.15)
    seam = np.abs(y / pitch - np.round(y / pitch)) * pitch < 0.018
    grain = cv2.resize(rng.random((40, 6), dtype=np.float32), (TILE, TILE))
    return np.maximum(seam, 0.4 * grain).astype(np.float32)


@_pattern
def rings(rng: np.random.Generator) -> np.ndarray:
    """Rings around the middle."""
    x, y = _grid()
    return _step(np.sin(np.hypot(x, 1.8 * y) * rng.uniform(16.0, 24.0)), 0.3, 0.6)


@_pattern
def sectors(rng: np.random.Generator) -> np.ndarray:
    """Wedges of alternating colour that meet above the middle."""
    x, y = _grid()
    return _step(np.sin(np.arctan2(x, y + 0.85) * rng.uniform(5.0, 8.0)), 0.0, 0.15)


def background(
    rng: np.random.Generator, height: int, width: int, contrast: float, clutter: int
) -> np.ndarray:
    """A scene without objects: gradient, ground, soft texture and unnameable clutter.

    Args:
        rng: Source of randomness.
        height: Rows.
        width: Columns.
        contrast: Strength of texture and clutter, 1 is usual.
        clutter: Number of blobs and boards.

    Returns:
        RGB picture of shape (height, width, 3), float32, from 0 to 255.
    """
    top, bottom, ground, tint = (_muted(rng) for _ in range(4))
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    scene = top * (1.0 - down) + bottom * down
    scene = np.broadcast_to(scene, (height, width, 3)).copy()
    horizon = int(height * rng.uniform(0.45, 0.85))
    edge = value_noise(rng, 2, width, 2.0, 3)[0] * 0.16 * height * contrast
    below = np.arange(height)[:, None] > horizon + edge[None] - 0.08 * height
    scene[below] = 0.3 * scene[below] + 0.7 * ground
    for _ in range(clutter):
        _clutter(rng, scene, contrast)
    fine = value_noise(rng, height, width, rng.uniform(8.0, 22.0), 3)[..., None] - 0.5
    coarse = value_noise(rng, height, width, rng.uniform(2.0, 4.0), 2)[..., None] - 0.5
    scene += contrast * (coarse * (tint - 128.0) * 1.2 + fine * rng.uniform(40.0, 110.0))
    return np.clip(scene, 0.0, 255.0)


def _muted(rng: np.random.Generator) -> np.ndarray:
    return hsv(rng.random(), rng.uniform(0.05, 0.45), rng.uniform(0.3, 0.85))


def _clutter(rng: np.random.Generator, scene: np.ndarray, contrast: float) -> None:
    height, width = scene.shape[:2]
    centre = rng.uniform(0.0, 1.0, 2) * (width, height)
    size = rng.uniform(0.06, 0.3) * height
    count = int(rng.integers(3, 9))
    turn = np.sort(rng.uniform(0.0, 2.0 * np.pi, count))
    reach = size * rng.uniform(0.5, 1.0, count)
    points = centre + np.stack([np.cos(turn), np.sin(turn)], axis=1) * reach[:, None]
    layer = scene.copy()
    cv2.fillPoly(layer, [np.round(points).astype(np.int32)], _muted(rng).tolist())
    weight = float(np.clip(contrast * rng.uniform(0.25, 0.75), 0.0, 1.0))
    cv2.addWeighted(layer, weight, scene, 1.0 - weight, 0.0, dst=scene)


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """RGB colour (3,), float32, from 0 to 255, of a hue, saturation and value from 0 to 1."""
    sector = (np.array([5.0, 3.0, 1.0]) + 6.0 * hue) % 6.0
    share = np.clip(np.minimum(sector, 4.0 - sector), 0.0, 1.0)
    return (255.0 * value * (1.0 - saturation * share)).astype(np.float32)
