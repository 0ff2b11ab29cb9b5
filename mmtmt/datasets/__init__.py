"""From files to clips. Datasets know their own vocabulary by name, never the union."""

from mmtmt.datasets import transforms
from mmtmt.datasets.coco_pseudo_video import CocoPseudoVideoDataset
from mmtmt.datasets.concat_dataset import ConcatDataset
from mmtmt.datasets.ovis import OVISDataset
from mmtmt.datasets.sample_key import SampleKey
from mmtmt.datasets.samplers import RatioSampler, start_loader_at
from mmtmt.datasets.uvo import UVODataset
from mmtmt.datasets.video_instance_dataset import VideoInstanceDataset
from mmtmt.datasets.ytvis import YouTubeVISDataset

__all__ = [
    'CocoPseudoVideoDataset',
    'ConcatDataset',
    'OVISDataset',
    'RatioSampler',
    'SampleKey',
    'UVODataset',
    'VideoInstanceDataset',
    'YouTubeVISDataset',
    'start_loader_at',
    'transforms',
]
