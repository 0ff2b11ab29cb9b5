"""From a figure's parts to pixels: palettes, rasterisation, shading, masks."""

from dataclasses import dataclass

import cv2
import numpy as np

from .figures import Figure, Part, Role, extent, mapped
from .textures import PATTERNS, TILE, TILE_REACH, hsv, value_noise

SUPER = 2
"""Figures are painted at this many times the frame's resolution, then averaged."""
OUTLINE = 8
_SHIFT = 4
_FAR_SHADE = 0.68


@dataclass(frozen=True)
class Appearance:
    """How an individual's surface looks.

    Attributes:
        palette: RGB colour of every role, row 0 unused, last row the outline, shape (9, 3).
        pattern_colour: RGB colour (3,) of the pattern on the body.
        tile: Pattern strength and grain, shape (TILE, TILE, 2), from 0 to 1.
    """

    palette: np.ndarray
    pattern_colour: np.ndarray
    tile: np.ndarray


def random_appearance(
    rng: np.random.Generator,
    kind: Figure,
    vividness: float,
    typical: tuple[float, float] | None = None,
) -> Appearance:
    """Draws colours and one of the kind's patterns.

    Args:
        rng: Source of randomness.
        kind: The figure.
        vividness: Saturation of the colours, 1 is usual.
        typical: Hue and brightness of the body, from 0 to 1; None draws them without regard to
            the kind.

    Returns:
        The appearance.
    """

    def colour(value: float) -> np.ndarray:
        return hsv(rng.random(), min(1.0, rng.uniform(0.25, 0.95) * vividness), value)

    bright = rng.uniform(0.3, 0.95)
    against = bright - rng.uniform(0.35, 0.5) if bright > 0.6 else bright + rng.uniform(0.35, 0.5)
    body = colour(bright)
    pattern_colour = None
    if typical is not None:
        hue, bright = typical
        saturation = min(1.0, 0.85 * vividness)
        body = hsv(hue, saturation, bright)
        pattern_colour = hsv(hue, saturation, 0.5 * bright)
    palette = np.zeros((OUTLINE + 1, 3), np.float32)
    palette[Role.BODY] = body
    palette[Role.FAR] = _FAR_SHADE * body
    palette[Role.SECOND] = colour(rng.uniform(0.35, 0.95))
    palette[Role.ACCENT] = colour(rng.uniform(0.5, 1.0))
    palette[Role.DARK] = hsv(rng.random(), 0.3, rng.uniform(0.08, 0.22))
    palette[Role.LIGHT] = hsv(rng.random(), 0.12, rng.uniform(0.85, 1.0))
    palette[Role.GLASS] = hsv(rng.uniform(0.5, 0.65), 0.35, rng.uniform(0.3, 0.85))
    palette[OUTLINE] = 0.3 * body
    name = kind.patterns[int(rng.integers(len(kind.patterns)))]
    tile = np.stack([PATTERNS[name](rng), value_noise(rng, TILE, TILE, 20, 2)], axis=-1)
    if pattern_colour is None:
        pattern_colour = colour(against)
    return Appearance(palette, pattern_colour, tile.astype(np.float32))


def paint(
    canvas: np.ndarray, parts: list[Part], appearance: Appearance, matrix: np.ndarray
) -> np.ndarray:
    """Paints a figure over a picture.

    Args:
        canvas: RGB picture of shape (H, W, 3), float32, changed in place.
        parts: The figure's parts in painting order.
        appearance: Its surface.
        matrix: Maps figure space to pixels, shape (2, 3).

    Returns:
        Mask (H, W), bool: the pixels of which the figure covers at least half.
    """
    height, width = canvas.shape[:2]
    mask = np.zeros((height, width), bool)
    parts = mapped(parts, lambda points: points @ matrix[:, :2].T + matrix[:, 2])
    low, high = extent(parts)
    left, top = np.maximum(np.floor(low).astype(int) - 2, 0)
    right, bottom = np.minimum(np.ceil(high).astype(int) + 3, (width, height))
    if left >= right or top >= bottom:
        return mask
    size = ((right - left) * SUPER, (bottom - top) * SUPER)
    to_patch = np.array([[SUPER, 0.0, 0.5 * (SUPER - 1) - SUPER * left],
                         [0.0, SUPER, 0.5 * (SUPER - 1) - SUPER * top]])  # fmt: skip
    roles = _role_map(parts, to_patch, size)
    colours = _colours(roles, appearance, _compose(to_patch, matrix), size)
    covered = (roles > 0).astype(np.float32)
    small = (right - left, bottom - top)
    alpha = cv2.resize(covered, small, interpolation=cv2.INTER_AREA)
    paint_over = cv2.resize(colours * covered[..., None], small, interpolation=cv2.INTER_AREA)
    patch = canvas[top:bottom, left:right]
    patch *= 1.0 - alpha[..., None]
    patch += paint_over
    mask[top:bottom, left:right] = alpha >= 0.5
    return mask


def _role_map(parts: list[Part], to_patch: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    roles = np.zeros((size[1], size[0]), np.uint8)
    scale, offset = (1 << _SHIFT) * to_patch[0, 0], (1 << _SHIFT) * to_patch[:, 2]
    for part in mapped(parts, lambda points: np.round(points * scale + offset).astype(np.int32)):
        corners = part.points
        cv2.fillPoly(roles, [corners], int(part.role), shift=_SHIFT)
        if part.outlined:
            cv2.polylines(roles, [corners], True, OUTLINE, 1, cv2.LINE_8, _SHIFT)
    return roles


def _compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    linear = outer[:, :2] @ inner[:, :2]
    return np.concatenate([linear, outer[:, :2] @ inner[:, 2:] + outer[:, 2:]], axis=1)


def _colours(
    roles: np.ndarray, appearance: Appearance, to_patch: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    pixel = 2.0 * TILE_REACH / (TILE - 1)
    from_tile = np.array([[pixel, 0.0, -TILE_REACH], [0.0, pixel, -TILE_REACH]])
    tile = cv2.warpAffine(
        appearance.tile, _compose(to_patch, from_tile), size, borderMode=cv2.BORDER_REFLECT_101
    )
    colours = appearance.palette.take(roles, axis=0)
    # The pattern lies on the body; far limbs carry it in their darker shade.
    change = np.zeros_like(appearance.palette)
    change[Role.BODY] = appearance.pattern_colour - appearance.palette[Role.BODY]
    change[Role.FAR] = _FAR_SHADE * change[Role.BODY]
    colours += tile[..., :1] * change.take(roles, axis=0)
    inside = cv2.distanceTransform((roles > 0).astype(np.uint8), cv2.DIST_L2, 3)
    rounded = np.clip(inside / (0.1 * np.sqrt(size[0] * size[1])), 0.0, 1.0)
    shade = (0.74 + 0.26 * rounded) * (0.88 + 0.24 * tile[..., 1])
    shade *= np.linspace(1.1, 0.86, size[1], dtype=np.float32)[:, None]
    colours *= shade[..., None]
    return np.minimum(colours, 255.0, out=colours)
