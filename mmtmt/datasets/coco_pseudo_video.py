"""COCO's images as videos."""

from __future__ import annotations

from typing import Any

from mmtmt.datasets.annotation_file import load_image_file
from mmtmt.datasets.video_instance_dataset import VideoInstanceDataset
from mmtmt.registry import DATASETS


@DATASETS.register_module()
class CocoPseudoVideoDataset(VideoInstanceDataset):
    """Annotated images in COCO's format, each a video of one frame.

    `SampleClip` repeats that frame T times, it is decoded once, and transforms that treat every
    frame in its own way (`ClipCrop` with a moving window, `ClipRotate`) make it move. With T = 1
    it is a set of images for training an image model, and in test mode it evaluates one.

    Labels are those of COCO, and the model's taxonomy decides what they share with other sets. The
    released TMT-VIS code maps them onto the target set in the dataset instead, and drops what has
    no counterpart: ``label_map=dict(target='ytvis19')`` does that.

    Args:
        **kwargs: See `VideoInstanceDataset`; the vocabulary is ``'coco'``.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault('vocabulary', 'coco')
        super().__init__(**kwargs)

    def _load(self, store: bytearray) -> dict[str, Any]:
        """Read the file's images as videos of one frame."""
        return load_image_file(self.ann_file, store)
