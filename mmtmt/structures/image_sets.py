"""Entries of files of annotated images (COCO) as entries of files of one-frame videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def image_to_video(image: Mapping[str, Any]) -> dict[str, Any]:
    """Make a video of an image; nothing is checked.

    Args:
        image: Entry of ``images``.

    Returns:
        Entry of ``videos`` with the image's id and one frame.
    """
    return {
        'id': image.get('id'),
        'height': image.get('height'),
        'width': image.get('width'),
        'file_names': [image.get('file_name')],
    }


def annotation_to_tube(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Make the annotation of a video of that of an image; nothing is checked.

    Args:
        annotation: Entry of ``annotations`` with ``image_id`` and ``segmentation``.

    Returns:
        Entry with ``video_id`` and ``segmentations`` of one frame; None without a
        ``segmentation``, which readers refuse: a box alone is no mask.
    """
    return {
        'id': annotation.get('id'),
        'video_id': annotation.get('image_id'),
        'category_id': annotation.get('category_id'),
        'iscrowd': annotation.get('iscrowd', 0),
        'segmentations': (
            [annotation['segmentation']] if 'segmentation' in annotation else None
        ),
    }


def images_as_videos(data: Mapping[str, Any]) -> dict[str, Any]:
    """Make the content of a file of videos of that of a file of images; nothing is checked.

    Args:
        data: Content with ``images``, and ``annotations`` unless they are hidden.

    Returns:
        The content with ``videos`` in their place.
    """
    videos = {key: value for key, value in data.items() if key != 'images'}
    videos['videos'] = [image_to_video(image) for image in data['images']]
    if data.get('annotations') is not None:
        videos['annotations'] = [annotation_to_tube(entry) for entry in data['annotations']]
    return videos
