"""Occluded VIS."""

from __future__ import annotations

from typing import Any

from mmtmt.datasets.video_instance_dataset import VideoInstanceDataset
from mmtmt.registry import DATASETS


@DATASETS.register_module()
class OVISDataset(VideoInstanceDataset):
    """OVIS: 25 categories, long videos, crowds of objects that hide each other.

    Args:
        **kwargs: See `VideoInstanceDataset`; the vocabulary is ``'ovis'``.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault('vocabulary', 'ovis')
        super().__init__(**kwargs)
