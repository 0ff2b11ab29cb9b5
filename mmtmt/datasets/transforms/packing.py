"""The last step of a pipeline: what the model takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.registry import TRANSFORMS
from mmtmt.structures.boxes import boxes_of_masks
from mmtmt.structures.frame_source import frames_to_tensor
from mmtmt.structures.samples import TubeDataSample, make_sample, make_tubes


def _sample(results: dict[str, Any], **metainfo: Any) -> TubeDataSample:
    """Make the sample with what clips and videos have in common."""
    return make_sample(
        dataset=results['dataset'],
        vocabulary=results['vocabulary'],
        video_id=results['video_id'],
        frame_indices=results['frame_indices'],
        video_length=len(results['file_names']),
        ori_shape=(results['height'], results['width']),
        sample_index=results['sample_index'],
        **metainfo,
    )


@TRANSFORMS.register_module()
class PackClip(ClipTransform):
    """Packs a training clip.

    The result is ``inputs``, (T, 3, H, W) uint8, and ``data_samples`` with ``gt_tubes``.
    Instances that no frame of the clip shows any more, after crops, are left out. Where frames had
    sizes of their own, ``frame_shapes`` is in the sample's metainfo.

    Args:
        with_boxes: Whether `gt_tubes` have ``boxes`` as well, (N, T, 4) float32, the extents of
            the masks as `boxes_of_masks` tells them.
    """

    def __init__(self, *, with_boxes: bool = False) -> None:
        self.with_boxes = with_boxes

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``, see `ClipTransform.transform`."""
        inputs = frames_to_tensor(results['frames'])
        sample = _sample(
            results,
            img_shape=tuple(inputs.shape[-2:]),
            flip=results['flip'],
            scale_factor=results['scale_factor'],
            **{key: results[key] for key in ('frame_shapes',) if key in results},
        )
        if 'masks' in results:
            masks = results['masks'].decode()
            visible = np.flatnonzero(masks.any(axis=(1, 2, 3)))
            sample.gt_tubes = make_tubes(
                torch.from_numpy(results['labels'][visible]),
                torch.from_numpy(masks if len(visible) == len(masks) else masks[visible]),
                torch.from_numpy(results['instance_ids'][visible]),
            )
            if self.with_boxes:
                sample.gt_tubes.boxes = boxes_of_masks(sample.gt_tubes.masks)
        return {'inputs': inputs, 'data_samples': sample}


@TRANSFORMS.register_module()
class PackVideo(ClipTransform):
    """Packs a whole video for prediction.

    The result is ``inputs``, a frame source, and ``data_samples`` without instances.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``, see `ClipTransform.transform`."""
        source = results['source']
        return {
            'inputs': source,
            'data_samples': _sample(results, img_shape=source.img_shape),
        }
