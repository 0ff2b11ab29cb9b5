"""Transforms that treat all frames of a clip, and its masks, alike."""

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.clip_masks import ClipMasks
from mmtmt.datasets.transforms.geometric import ClipCrop, ClipFlip, ClipRandomApply, ClipResize
from mmtmt.datasets.transforms.loading import LoadClip, LoadFrames, LoadTubes, SampleClip
from mmtmt.datasets.transforms.packing import PackClip, PackVideo
from mmtmt.datasets.transforms.photometric import ClipPhotometric

__all__ = [
    'ClipCrop',
    'ClipFlip',
    'ClipMasks',
    'ClipPhotometric',
    'ClipRandomApply',
    'ClipResize',
    'ClipTransform',
    'LoadClip',
    'LoadFrames',
    'LoadTubes',
    'PackClip',
    'PackVideo',
    'SampleClip',
]
