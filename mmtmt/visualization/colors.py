"""Colours that stay with a track and differ from those of its neighbours."""

from __future__ import annotations

import numpy as np

# Hues step by the golden angle, so that any few consecutive tracks are far apart on the circle.
GOLDEN_ANGLE = 137.50776
FIRST_HUE = 25.0
# Lightness and chroma in OKLCH take turns, so that tracks whose hues come close still differ.
TONES = ((0.72, 0.19), (0.82, 0.15), (0.64, 0.22))

_OKLAB_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONES_TO_LINEAR_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def track_color(track_id: int) -> tuple[int, int, int]:
    """The colour of a track: the same in every frame, video and run.

    Args:
        track_id: Any integer.

    Returns:
        Red, green and blue, 0 to 255.
    """
    lightness, chroma = TONES[track_id % len(TONES)]
    hue = np.deg2rad(FIRST_HUE + GOLDEN_ANGLE * track_id)
    # Not every hue has so much chroma in sRGB: the colour is made paler until it fits.
    for strength in np.linspace(1, 0, 21):
        lab = (lightness, chroma * strength * np.cos(hue), chroma * strength * np.sin(hue))
        linear = _CONES_TO_LINEAR_RGB @ (_OKLAB_TO_CONES @ lab) ** 3
        if linear.min() >= -1e-3 and linear.max() <= 1 + 1e-3:
            break
    linear = np.clip(linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(255 * srgb).astype(int).tolist()
    return red, green, blue


def text_color(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever reads better.

    Args:
        background: Red, green and blue, 0 to 255.

    Returns:
        The colour of the text.
    """
    linear = (np.array(background) / 255) ** 2.2
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    # Contrast as WCAG defines it; black wins above this luminance.
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)
