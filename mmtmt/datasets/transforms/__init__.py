"""Transforms of all frames of a clip, and of its masks with them."""

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.clip_masks import ClipMasks
from mmtmt.datasets.transforms.frame_wise import ClipFrameWise
from mmtmt.datasets.transforms.geometric import (
    ClipCrop,
    ClipFlip,
    ClipRandomApply,
    ClipResize,
    ClipStages,
)
from mmtmt.datasets.transforms.large_scale_jitter import ClipLargeScaleJitter
from mmtmt.datasets.transforms.loading import LoadClip, LoadFrames, LoadTubes, SampleClip
from mmtmt.datasets.transforms.packing import PackClip, PackVideo
from mmtmt.datasets.transforms.photometric import ClipPhotometric
from mmtmt.datasets.transforms.pseudo_motion import ClipRotate

__all__ = [
    'ClipCrop',
    'ClipFlip',
    'ClipFrameWise',
    'ClipLargeScaleJitter',
    'ClipMasks',
    'ClipPhotometric',
    'ClipRandomApply',
    'ClipResize',
    'ClipRotate',
    'ClipStages',
    'ClipTransform',
    'LoadClip',
    'LoadFrames',
    'LoadTubes',
    'PackClip',
    'PackVideo',
    'SampleClip',
]
