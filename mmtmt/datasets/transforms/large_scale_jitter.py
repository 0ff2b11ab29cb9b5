"""Large-scale jitter: the augmentation of long training on images."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.geometric import crop_clip, resize_clip
from mmtmt.datasets.transforms.shared import map_once
from mmtmt.registry import TRANSFORMS
from mmtmt.structures.resize import ResizeRule


@TRANSFORMS.register_module()
class ClipLargeScaleJitter(ClipTransform):
    """Resizes a clip within wide limits, then crops and pads it to one size.

    The clip is resized to fit into `size` times a factor that is drawn evenly, cropped where it is
    larger than `size`, and padded at the bottom and the right where it is smaller. As in
    detectron2, one draw places the window on both axes.

    Args:
        size: Height and width of the result in pixels.
        scale_range: Smallest and largest factor.
        pad_value: Colour of the padding, 0..255.
        interpolation: See `ResizeRule`.

    Raises:
        ValueError: If a size, factor or colour is out of range.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] = (1024, 1024),
        scale_range: tuple[float, float] = (0.1, 2.0),
        pad_value: int = 128,
        interpolation: str = 'bilinear',
    ) -> None:
        if not 0 < scale_range[0] <= scale_range[1]:
            raise ValueError(f'scale_range: expected factors above 0 in order, got {scale_range!r}')
        if not 0 <= pad_value <= 255:
            raise ValueError(f'pad_value: expected a value from 0 to 255, got {pad_value!r}')
        # checks both
        ResizeRule(size=tuple(size), interpolation=interpolation)
        self.size = tuple(size)
        self.scale_range = scale_range
        self.pad_value = pad_value
        self.interpolation = interpolation

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize, crop and pad ``frames`` and ``masks``, see `ClipTransform.transform`."""
        rng = results['rng']
        shape, size = np.array(results['frames'][0].shape[:2]), np.array(self.size)
        scale = (size * rng.uniform(*self.scale_range) / shape).min()
        resized = np.maximum(np.rint(shape * scale).astype(int), 1)
        rule = ResizeRule(size=tuple(resized.tolist()), interpolation=self.interpolation)
        resize_clip(results, rule)
        top, left = np.rint(np.maximum(resized - size, 0) * rng.random()).astype(int).tolist()
        height, width = np.minimum(resized, size).tolist()
        crop_clip(results, [(top, left)] * len(results['frames']), height, width)
        below, right = (size - (height, width)).tolist()
        if below or right:
            color = [self.pad_value] * 3
            results['frames'] = map_once(
                lambda frame: cv2.copyMakeBorder(
                    frame, 0, below, 0, right, cv2.BORDER_CONSTANT, value=color
                ),
                results['frames'],
            )
            if 'masks' in results:
                results['masks'].pad(*self.size)
        return results
