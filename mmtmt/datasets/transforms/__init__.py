"""Transforms that treat all frames of a clip, and its masks, alike."""

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.clip_masks import ClipMasks
from mmtmt.datasets.transforms.geometric import ClipCrop, ClipFlip, ClipRandomApply, ClipResize
from mmtmt.datasets.transforms.large_scale_jitter import ClipLargeScaleJitter
from mmtmt.datasets.transforms.loading import LoadClip, LoadFrames, LoadTubes, SampleClip
from mmtmt.datasets.transforms.packing import PackClip, PackVideo
from mmtmt.datasets.transforms.photometric import ClipPhotometric
from mmtmt.datasets.transforms.pseudo_motion import ClipRotate

__all__ = [
    'ClipCrop',
    'ClipFlip',
    'ClipLargeScaleJitter',
    'ClipMasks',
    'ClipPhotometric',
    'ClipRandomApply',
    'ClipResize',
    'ClipRotate',
    'ClipTransform',
    'LoadClip',
    'LoadFrames',
    'LoadTubes',
    'PackClip',
    'PackVideo',
    'SampleClip',
]
