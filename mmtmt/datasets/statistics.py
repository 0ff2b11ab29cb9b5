"""Counting what annotation files hold, without loading them, and finding videos in several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pycocotools import mask as mask_api

from mmtmt.datasets.video_names import names_across
from mmtmt.structures.image_sets import annotation_to_tube, image_to_video
from mmtmt.structures.json_stream import read_json_stream
from mmtmt.structures.rle import check_counts, compress

# Characters of a number in compressed RLEs: groups of five bits.
_LONGEST_NUMBER = 7


@dataclass
class DatasetStatistics:
    """What a file of the YouTube-VIS family, or of COCO images, holds.

    Attributes:
        file: The file.
        annotated: Whether it has annotations, even if none.
        videos: Number of videos; an image counts as a video of one frame.
        frames: Number of frames of all videos.
        lengths: Shortest, mean and longest video in frames.
        categories: Number of categories that the file lists.
        used_categories: Number of those that an instance has.
        instances: Number of instances, crowds left out.
        crowds: Number of annotations that are crowds.
        masks: Number of masks of instances: frames in which one is seen.
        per_category: Instances by name of the category, the most frequent first.
        first_frames: Per video the file of its first frame.
    """

    file: str
    annotated: bool = False
    videos: int = 0
    frames: int = 0
    lengths: tuple[int, float, int] = (0, 0.0, 0)
    categories: int = 0
    used_categories: int = 0
    instances: int = 0
    crowds: int = 0
    masks: int = 0
    per_category: dict[str, int] = field(default_factory=dict)
    first_frames: list[str] = field(default_factory=list, repr=False)

    @property
    def masks_per_frame(self) -> float | None:
        """Masks divided by frames; None without annotations."""
        return self.masks / self.frames if self.annotated and self.frames else None

    @property
    def objects_per_video(self) -> float | None:
        """Instances divided by videos; None without annotations."""
        return self.instances / self.videos if self.annotated and self.videos else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that json can hold, without the files of frames."""
        data = asdict(self)
        data.pop('first_frames')
        return data | {
            'masks_per_frame': self.masks_per_frame,
            'objects_per_video': self.objects_per_video,
        }


class _Counter:
    """Takes the entries of a file one by one and keeps numbers alone."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}
        self.lengths: list[int] = []
        self.first_frames: list[str] = []
        self.instances: Counter = Counter()
        self.crowds = self.masks = 0

    def take(self, key: str, entry: Any) -> None:
        """Count an entry of a list at the top level."""
        if key not in ('videos', 'images', 'categories', 'annotations'):
            return
        if not isinstance(entry, Mapping):
            raise ValueError(f'"{key}": expected objects, got {entry!r:.80}')
        if key == 'categories':
            self.names[_id(entry, 'id', '"categories"')] = str(entry.get('name'))
        elif key == 'annotations':
            self._annotation(entry)
        else:
            self._video(entry if key == 'videos' else image_to_video(entry))

    def _video(self, video: Mapping) -> None:
        names = video.get('file_names')
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(
                f'video {video.get("id")!r:.40}: expected a list of file names, got {names!r:.80}'
            )
        self.lengths.append(len(names))
        if names:
            # As text that can be printed, whatever stands there.
            name = names[0].encode('utf-8', 'backslashreplace').decode('utf-8')
            self.first_frames.append(name.replace('\\', '/'))

    def _annotation(self, annotation: Mapping) -> None:
        if 'segmentations' not in annotation and 'image_id' in annotation:
            annotation = annotation_to_tube(annotation)
        if annotation.get('iscrowd'):
            self.crowds += 1
            return
        where = f'annotation {annotation.get("id")!r:.40}'
        segmentations = annotation.get('segmentations')
        if not isinstance(segmentations, list):
            raise ValueError(
                f'{where}: expected a list "segmentations", got {segmentations!r:.80}'
            )
        self.instances[_id(annotation, 'category_id', where)] += 1
        for frame, segmentation in enumerate(segmentations):
            try:
                self.masks += _is_seen(segmentation)
            except ValueError as error:
                raise ValueError(f'{where}: segmentations[{frame}]: {error}') from error


def read_statistics(path: str | Path) -> DatasetStatistics:
    """Count what a file holds; no more than an entry of it is in memory at a time.

    Args:
        path: A json file of the YouTube-VIS family or of COCO images; gzipped if named .gz.

    Returns:
        The numbers.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file; it is named.
    """
    counter = _Counter()
    top = read_json_stream(path, element_hook=counter.take)
    if 'videos' not in top and 'images' not in top:
        raise ValueError(f'{path}: expected "videos" or "images", got the keys {sorted(top)[:10]}')
    lengths = counter.lengths
    per_category: Counter = Counter()
    for category, count in counter.instances.items():
        per_category[counter.names.get(category, f'unknown id {category}')] += count
    return DatasetStatistics(
        file=str(path),
        annotated=isinstance(top.get('annotations'), list),
        videos=len(lengths),
        frames=sum(lengths),
        lengths=(min(lengths), sum(lengths) / len(lengths), max(lengths)) if lengths else (0, 0, 0),
        categories=len(counter.names),
        used_categories=len(per_category),
        instances=sum(counter.instances.values()),
        crowds=counter.crowds,
        masks=counter.masks,
        per_category=dict(per_category.most_common()),
        first_frames=counter.first_frames,
    )


def _id(entry: Mapping, key: str, where: str) -> int:
    """An id of an entry."""
    value = entry.get(key)
    if type(value) is not int:
        raise ValueError(f'{where}: expected an integer {key!r}, got {value!r:.40}')
    return value


def _is_seen(segmentation: Any) -> bool:
    """Whether a mask has a pixel, as far as that can be told without drawing polygons."""
    if segmentation is None or isinstance(segmentation, list):
        return bool(segmentation)
    size = segmentation.get('size') if isinstance(segmentation, Mapping) else None
    if not isinstance(size, list) or list(map(type, size)) != [int, int]:
        raise ValueError(
            f'expected an RLE with size and counts, polygons or null, got {segmentation!r:.80}'
        )
    counts = compress(segmentation, *size)
    # An empty mask is a single run of background, one number; what is longer isn't looked at.
    if len(counts) > _LONGEST_NUMBER:
        return True
    check_counts(counts, *size)
    return bool(mask_api.area({'size': size, 'counts': counts}))


@dataclass(frozen=True)
class Leak:
    """Videos that stand in the training split of one set and in the validation split of another.

    Attributes:
        train: The set that is trained on.
        valid: The set that is tested on.
        videos: Number of videos of the tested split.
        shared: Names of the videos that are in both.
    """

    train: str
    valid: str
    videos: int
    shared: list[str]


def find_leaks(
    train: Sequence[tuple[str, DatasetStatistics]], valid: Sequence[tuple[str, DatasetStatistics]]
) -> list[Leak]:
    """Look for videos of test splits among those of training splits, see `names_across`.

    Args:
        train: Names of sets with their training splits.
        valid: Names of sets with their validation splits.

    Returns:
        A leak for each pair of files that share videos.
    """
    leaks = []
    for trained, training in train:
        for tested, validation in valid:
            first, second = names_across(training.first_frames, validation.first_frames)
            if shared := sorted(set(first) & set(second)):
                leaks.append(Leak(trained, tested, validation.videos, shared))
    return leaks
