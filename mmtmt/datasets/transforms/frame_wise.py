"""Views: frames of a clip that are changed independently of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.clip_masks import ClipMasks
from mmtmt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipFrameWise(ClipTransform):
    """Applies transforms to each frame of a clip on its own, with draws of its own.

    Of an image that comes twice it makes two views, as the official IDOL does before it learns to
    tell objects of images apart. Frames of different sizes are padded at the bottom and the right
    to the largest height and width; `IDOL` knows their sizes and doesn't look at the padding.
    Nothing that changes sizes may follow. ``flip`` and ``scale_factor`` become those of the first
    frame.

    Args:
        transforms: Transforms, or their configs.
        pad_value: Colour of the padding, RGB, 0..255; by default the mean that is subtracted
            afterwards.
    """

    def __init__(
        self,
        *,
        transforms: Sequence[ClipTransform | Mapping],
        pad_value: tuple[int, int, int] = (124, 116, 104),
    ) -> None:
        self.transforms = [TRANSFORMS.build(t) if isinstance(t, Mapping) else t for t in transforms]
        self.pad_value = tuple(pad_value)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``frames`` and ``masks``, see `ClipTransform.transform`.

        Adds ``frame_shapes``, height and width of each frame before padding.
        """
        masks = results['masks'].split() if 'masks' in results else [None] * len(results['frames'])
        views = [self._view(results, *of_frame) for of_frame in zip(results['frames'], masks)]
        shapes = [view['frames'][0].shape[:2] for view in views]
        height, width = map(max, zip(*shapes))
        results.update(
            flip=views[0]['flip'],
            scale_factor=views[0]['scale_factor'],
            frame_shapes=shapes,
            frames=[
                cv2.copyMakeBorder(
                    view['frames'][0], 0, height - shape[0], 0, width - shape[1],
                    cv2.BORDER_CONSTANT, value=self.pad_value,
                )
                for view, shape in zip(views, shapes)
            ],
        )
        if 'masks' in results:
            results['masks'] = ClipMasks.join([view['masks'] for view in views], height, width)
        return results

    def _view(self, results: dict[str, Any], frame: Any, masks: ClipMasks | None) -> dict[str, Any]:
        """Transform one frame as a clip of its own."""
        view = {**results, 'frames': [frame]}
        if masks is not None:
            view['masks'] = masks
        for transform in self.transforms:
            view = transform(view)
        return view
