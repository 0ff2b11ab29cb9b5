"""Changes of colour and light, the same in all frames of a clip."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.geometric import check_probability
from mmtmt.datasets.transforms.shared import map_once
from mmtmt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipPhotometric(ClipTransform):
    """Changes brightness, contrast, saturation and hue, each with a probability of its own.

    The ranges are those of SSD's augmentation, which the image models of this family use.

    Args:
        brightness: Largest shift of the values, in 0..255.
        contrast: Smallest and largest factor of the values.
        saturation: Smallest and largest factor of the saturation.
        hue: Largest shift of the hue in degrees, in 0..180.
        prob: Probability of each of the four.
    """

    def __init__(
        self,
        *,
        brightness: float = 32,
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: float = 18,
        prob: float = 0.5,
    ) -> None:
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.prob = check_probability(prob)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``frames``, see `ClipTransform.transform`."""
        rng = results['rng']
        use = rng.random(4) < self.prob
        shift = rng.uniform(-self.brightness, self.brightness) * use[0]
        contrast = rng.uniform(*self.contrast) if use[1] else 1.0
        saturation = rng.uniform(*self.saturation)
        hue = rng.uniform(-self.hue, self.hue)
        levels = np.arange(256, dtype=np.float64)
        values = _to_table((levels + shift) * contrast)
        # OpenCV stores the hue of uint8 images in steps of two degrees.
        hues = np.uint8((np.rint(levels + (hue / 2) * use[3])) % 180)
        saturations = _to_table(levels * (saturation if use[2] else 1.0))

        def change(frame: np.ndarray) -> np.ndarray:
            frame = cv2.LUT(frame, values)
            if not use[2] and not use[3]:
                return frame
            hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
            hsv = cv2.LUT(hsv, np.stack([hues, saturations, np.uint8(levels)], axis=-1)[None])
            return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

        results['frames'] = map_once(change, results['frames'])
        return results


def _to_table(values: np.ndarray) -> np.ndarray:
    """Round to a look-up table for uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
