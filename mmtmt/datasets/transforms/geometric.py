"""Resizing, flipping and cropping of clips; masks follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from mmtmt.datasets.sample_key import GROUP_STREAM, make_generator
from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.shared import map_once
from mmtmt.registry import TRANSFORMS
from mmtmt.structures.resize import ResizeRule


def resize_clip(results: dict[str, Any], rule: ResizeRule) -> None:
    """Resize frames by interpolation and masks to the nearest pixel.

    Args:
        results: What the steps before have put together; changed in place.
        rule: The size.
    """
    old_height, old_width = results['frames'][0].shape[:2]
    height, width = rule.output_shape(old_height, old_width)
    results['frames'] = map_once(rule, results['frames'])
    if 'masks' in results and (height, width) != (old_height, old_width):
        results['masks'].resize(height, width)
    scale_x, scale_y = results['scale_factor']
    results['scale_factor'] = (scale_x * width / old_width, scale_y * height / old_height)


def crop_clip(
    results: dict[str, Any], corners: Sequence[tuple[int, int]], height: int, width: int
) -> None:
    """Crop a window out of every frame and its masks.

    Args:
        results: What the steps before have put together; changed in place.
        corners: Top and left of the window in each frame, T pairs.
        height: Height of the window in pixels.
        width: Width of the window in pixels.
    """
    windows = {
        (id(frame), corner): frame[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
        for frame, corner in zip(results['frames'], corners)
    }
    results['frames'] = [
        windows[id(frame), corner] for frame, corner in zip(results['frames'], corners)
    ]
    if 'masks' in results:
        results['masks'].crop(corners, height, width)


@TRANSFORMS.register_module()
class ClipResize(ClipTransform):
    """Resizes a clip: frames by interpolation, masks to the nearest pixel.

    Args:
        short_sides: Lengths of the shorter side in pixels, of which one is drawn per clip.
        max_size: Largest length of the longer side in pixels.
        size: Height and width in pixels to stretch frames to, in place of `short_sides`.
        interpolation: See `ResizeRule`.
        clips_per_size: How many consecutive samples of all processes get the same one of
            `short_sides`. As many as are in a step keep it from being padded to the largest of
            several. For one `ClipResize` of a pipeline: several would draw alike.

    Raises:
        ValueError: If not exactly one of `short_sides` and `size` is given, or `clips_per_size` is
            below 1.
    """

    def __init__(
        self,
        *,
        short_sides: int | Sequence[int] | None = None,
        max_size: int = 1333,
        size: tuple[int, int] | None = None,
        interpolation: str = 'bilinear',
        clips_per_size: int = 1,
    ) -> None:
        if clips_per_size < 1:
            raise ValueError(f'clips_per_size: expected at least 1, got {clips_per_size}')
        self.clips_per_size = clips_per_size
        if (short_sides is None) == (size is None):
            raise ValueError(f'expected either short_sides or size, got {short_sides=} and {size=}')
        if size is not None:
            self.rules = [ResizeRule(size=tuple(size), interpolation=interpolation)]
            return
        short_sides = [short_sides] if isinstance(short_sides, int) else short_sides
        self.rules = [
            ResizeRule(short_side=side, max_size=max_size, interpolation=interpolation)
            for side in short_sides
        ]
        if not self.rules:
            raise ValueError('short_sides: expected at least one length, got none')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize ``frames`` and ``masks``, see `ClipTransform.transform`."""
        rng = results['rng']
        if self.clips_per_size > 1:
            group = results['sample_index'] // self.clips_per_size
            rng = make_generator(GROUP_STREAM, results['seed'], group)
        rule = self.rules[int(rng.integers(len(self.rules)))]
        resize_clip(results, rule)
        return results


@TRANSFORMS.register_module()
class ClipFlip(ClipTransform):
    """Mirrors a whole clip left to right, or leaves it.

    Args:
        prob: Probability of mirroring.
    """

    def __init__(self, *, prob: float = 0.5) -> None:
        self.prob = check_probability(prob)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror ``frames`` and ``masks``, see `ClipTransform.transform`."""
        if results['rng'].random() < self.prob:
            results['frames'] = map_once(
                lambda frame: cv2.flip(frame, 1), results['frames']
            )
            if 'masks' in results:
                results['masks'].flip()
            results['flip'] = not results['flip']
        return results


@TRANSFORMS.register_module()
class ClipCrop(ClipTransform):
    """Crops a window of one size out of every frame of a clip.

    Args:
        size: Height and width of the window in pixels; smaller where a frame is smaller.
        size_range: Smallest and largest length in pixels: height and width are drawn apart from
            each other, in place of `size`. The official pipelines take (384, 600).
        moving: Whether the window moves on a straight line from frame to frame, forwards or
            backwards, as in the official VITA; by default it stays.

    Raises:
        ValueError: If not exactly one of `size` and `size_range` is given, or lengths are wrong.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] | None = None,
        size_range: tuple[int, int] | None = None,
        moving: bool = False,
    ) -> None:
        if (size is None) == (size_range is None):
            raise ValueError(f'expected either size or size_range, got {size=} and {size_range=}')
        if min(size or size_range) < 1 or (size_range and size_range[0] > size_range[1]):
            raise ValueError(f'expected lengths from 1 in order, got {size=} and {size_range=}')
        self.size = size
        self.size_range = size_range
        self.moving = moving

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Crop ``frames`` and ``masks``, see `ClipTransform.transform`."""
        rng, num_frames = results['rng'], len(results['frames'])
        lengths, ends = [], []
        for axis, full in enumerate(results['frames'][0].shape[:2]):
            if self.size is not None:
                length = min(full, self.size[axis])
            else:
                low, high = (min(full, limit) for limit in self.size_range)
                length = int(rng.integers(low, high + 1))
            lengths.append(length)
            first = int(rng.integers(full - length + 1))
            last = int(rng.integers(first, full - length + 1)) if self.moving else first
            ends.append((first, last))
        way = np.zeros((num_frames, 1))
        if self.moving:
            way = np.sort(rng.random((num_frames, 1)), axis=0)
            if rng.random() < 0.5:
                way = way[::-1]
        first, last = np.transpose(ends)
        corners = np.rint(first + (last - first) * way).astype(int)
        crop_clip(results, [tuple(corner) for corner in corners.tolist()], *lengths)
        return results


@TRANSFORMS.register_module()
class ClipRandomApply(ClipTransform):
    """Applies a sequence of transforms to a clip, or none of them.

    Args:
        transforms: Transforms, or their configs.
        prob: Probability of applying them.
    """

    def __init__(
        self,
        *,
        transforms: Sequence[ClipTransform | Mapping],
        prob: float = 0.5,
    ) -> None:
        self.transforms = _build(transforms)
        self.prob = check_probability(prob)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Apply the transforms or not, see `ClipTransform.transform`."""
        if results['rng'].random() < self.prob:
            for transform in self.transforms:
                results = transform(results)
        return results


@TRANSFORMS.register_module()
class ClipStages(ClipTransform):
    """Applies one sequence of transforms at the start of a training and another one after that.

    A training can so begin with strong augmentation and end on what it is tested on.

    Args:
        first_samples: Length of the first stage in samples, counted over all processes.
        first: Transforms of the first stage, or their configs.
        then: Transforms of the rest of the training, or their configs.

    Raises:
        ValueError: If the first stage has no positive length.
    """

    def __init__(
        self,
        *,
        first_samples: int,
        first: Sequence[ClipTransform | Mapping],
        then: Sequence[ClipTransform | Mapping],
    ) -> None:
        if first_samples < 1:
            raise ValueError(f'expected at least 1 sample in the first stage, got {first_samples}')
        self.first_samples = first_samples
        self.first, self.then = _build(first), _build(then)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Apply the transforms of the sample's stage, see `ClipTransform.transform`."""
        begins = results['sample_index'] < self.first_samples
        for transform in self.first if begins else self.then:
            results = transform(results)
        return results


def _build(transforms: Sequence[ClipTransform | Mapping]) -> list[ClipTransform]:
    return [TRANSFORMS.build(t) if isinstance(t, Mapping) else t for t in transforms]


def check_probability(value: float) -> float:
    """Check a probability.

    Args:
        value: The option.

    Returns:
        The option.

    Raises:
        ValueError: If it is none.
    """
    if not 0 <= value <= 1:
        raise ValueError(f'expected a probability from 0 to 1, got {value!r}')
    return value
