"""YouTube-VIS 2019 and 2021."""

from __future__ import annotations

from typing import Any

from mmtmt.datasets.video_instance_dataset import VideoInstanceDataset
from mmtmt.registry import DATASETS


@DATASETS.register_module()
class YouTubeVISDataset(VideoInstanceDataset):
    """YouTube-VIS, 40 categories. The two years share many videos, but not their categories.

    Args:
        year: 2019 or 2021.
        **kwargs: See `VideoInstanceDataset`; vocabulary and name follow from the year.

    Raises:
        ValueError: If the year is another one.
    """

    def __init__(self, *, year: int, **kwargs: Any) -> None:
        if year not in (2019, 2021):
            raise ValueError(f'year: expected 2019 or 2021, got {year!r}')
        kwargs.setdefault('vocabulary', f'ytvis{year % 100}')
        super().__init__(**kwargs)
