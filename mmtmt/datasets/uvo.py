"""Unidentified Video Objects, dense split with labels."""

from __future__ import annotations

from typing import Any

from mmtmt.datasets.video_instance_dataset import VideoInstanceDataset
from mmtmt.registry import DATASETS


@DATASETS.register_module()
class UVODataset(VideoInstanceDataset):
    """UVO: the 80 categories of COCO with their gapped ids, and ``other``.

    Args:
        **kwargs: See `VideoInstanceDataset`; the vocabulary is ``'uvo'``.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault('vocabulary', 'uvo')
        super().__init__(**kwargs)
