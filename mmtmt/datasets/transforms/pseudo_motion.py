"""Motion for clips whose frames are one image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipRotate(ClipTransform):
    """Turns each frame of a clip by an angle of its own, smoothly from frame to frame.

    As in the official VITA, the angles of a clip are drawn evenly and sorted, upwards or
    downwards, and all frames turn around one point. Frames keep their size; corners that come in
    are black and belong to no instance.

    Args:
        max_degrees: Largest angle to either side.
        center_range: Smallest and largest place of the centre, as part of width and height.

    Raises:
        ValueError: If an angle or a place is out of range.
    """

    def __init__(
        self, *, max_degrees: float = 15, center_range: tuple[float, float] = (0.4, 0.6)
    ) -> None:
        if not 0 <= max_degrees <= 180:
            raise ValueError(f'max_degrees: expected an angle from 0 to 180, got {max_degrees!r}')
        if not 0 <= center_range[0] <= center_range[1] <= 1:
            raise ValueError(
                f'center_range: expected two places in order, from 0 to 1, got {center_range!r}'
            )
        self.max_degrees = max_degrees
        self.center_range = center_range

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn ``frames`` and ``masks``, see `ClipTransform.transform`."""
        rng, frames = results['rng'], results['frames']
        height, width = frames[0].shape[:2]
        angles = np.sort(rng.uniform(-self.max_degrees, self.max_degrees, len(frames)))
        if rng.random() < 0.5:
            angles = angles[::-1]
        # OpenCV counts from the centre of the first pixel.
        center = rng.uniform(*self.center_range, 2) * (width, height) - 0.5
        matrices = [cv2.getRotationMatrix2D(center, angle, 1) for angle in angles]
        results['frames'] = [
            cv2.warpAffine(frame, matrix, (width, height))
            for frame, matrix in zip(frames, matrices)
        ]
        if 'masks' in results:
            results['masks'].warp([cv2.invertAffineTransform(matrix) for matrix in matrices])
        return results
