"""One set of videos for two loaders: this package's and mmdet's, with the same pipeline."""
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmdet.registry import DATASETS as MMDET_DATASETS
from pycocotools import mask as mask_api
from torch.utils.data import Sampler

from mmtmt.datasets import SampleKey, VideoInstanceDataset
from mmtmt.structures.images import read_image
from mmtmt.structures.tubes import encode_tube, tube_to_json

JPEG_QUALITY = 95


@dataclass(frozen=True)
class StoredSet:
    """The files of one set of videos.

    Attributes:
        root: Folder that holds ``videos.json`` (YouTube-VIS), ``images.json`` (what mmdet reads)
            and the frames.
        classes: Names of the categories.
        frame_shape: Height and width in pixels that most frames have.
    """

    root: Path
    classes: tuple[str, ...]
    frame_shape: tuple[int, int]


class FixedFrames:
    """A pipeline step that takes given frames instead of drawing them.

    Args:
        frames: Their indices.
    """

    def __init__(self, frames: Sequence[int]) -> None:
        self.frames = list(frames)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``frame_indices``."""
        results['frame_indices'] = self.frames
        return results


class RandomVideos(Sampler):
    """An endless stream of videos, the same for both sides.

    Args:
        num_videos: Number of videos.
        length: Number of clips.
        keys: Whether to pass on a `SampleKey` instead of a plain index.
    """

    def __init__(self, num_videos: int, length: int, keys: bool) -> None:
        draw = random.Random(0)
        self.indices: list[Any] = [draw.randrange(num_videos) for _ in range(length)]
        if keys:
            self.indices = [SampleKey(video, i) for i, video in enumerate(self.indices)]

    def __iter__(self) -> Iterator[Any]:
        """Yield the indices."""
        return iter(self.indices)

    def __len__(self) -> int:
        """Return their number."""
        return len(self.indices)


def store_set(sources: Sequence[Path], root: Path, height: int) -> StoredSet:
    """Write the training videos of several folders as one set, in both formats.

    Args:
        sources: Folders with a ``train.json`` and ``JPEGImages``.
        root: Folder to write to.
        height: Height of the frames in pixels; 0 copies the files as they are.

    Returns:
        The set.
    """
    videos, annotations, names, shapes = [], [], [], []
    for source in sources:
        dataset = VideoInstanceDataset(
            ann_file=str(source / 'train.json'), name=source.name, data_root='',
            data_prefix=dict(img=str(source / 'JPEGImages')))
        first = len(names) + 1
        names += [f'{source.name} {name}' for name in dataset.vocabulary.names]
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            shape = (info['height'], info['width'])
            if height:
                shape = (height, round(shape[1] * height / shape[0]))
            shapes.append(shape)
            file_names = [_store_frame(source / 'JPEGImages' / name, root / 'frames',
                                       f'{source.name}/{name}', shape if height else None)
                          for name in info['file_names']]
            videos.append(dict(id=len(videos) + 1, height=shape[0], width=shape[1],
                               length=len(file_names), file_names=file_names))
            for instance in info['instances']:
                tube = [_enlarge(instance['tube'].rle(t), shape) for t in range(len(file_names))]
                annotations.append(dict(
                    id=len(annotations) + 1, video_id=len(videos), iscrowd=0,
                    category_id=first + instance['label'], segmentations=tube_to_json(tube)))
    categories = [dict(id=i, name=name) for i, name in enumerate(names, 1)]
    content = dict(videos=videos, annotations=annotations, categories=categories)
    (root / 'videos.json').write_text(json.dumps(content))
    (root / 'images.json').write_text(json.dumps(_as_mmdet_reads(content)))
    return StoredSet(root, tuple(names), max(set(shapes), key=shapes.count))


def _store_frame(source: Path, root: Path, name: str, shape: tuple[int, int] | None) -> str:
    """Copy or enlarge a frame; returns its name below the root."""
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if shape is None:
        target.write_bytes(source.read_bytes())
        return name
    frame = cv2.resize(read_image(source), shape[::-1], interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(target), frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return name


def _enlarge(rle: dict | None, shape: tuple[int, int]) -> dict | None:
    """Bring a mask to the size of its stored frame."""
    if rle is None or tuple(rle['size']) == shape:
        return rle
    mask = cv2.resize(mask_api.decode(rle), shape[::-1], interpolation=cv2.INTER_NEAREST)
    return encode_tube(mask[None].astype(bool))[0]


def _as_mmdet_reads(content: dict[str, Any]) -> dict[str, Any]:
    """One entry per image and per mask, as mmdet's converter of YouTube-VIS writes them."""
    images, annotations, image_ids = [], [], {}
    for video in content['videos']:
        for frame, name in enumerate(video['file_names']):
            image_ids[video['id'], frame] = len(images) + 1
            images.append(dict(id=len(images) + 1, video_id=video['id'], frame_id=frame,
                               file_name=name, height=video['height'], width=video['width']))
    for tube in content['annotations']:
        for frame, rle in enumerate(tube['segmentations']):
            if rle is not None:
                annotations.append(dict(
                    id=len(annotations) + 1, image_id=image_ids[tube['video_id'], frame],
                    video_id=tube['video_id'], instance_id=tube['id'], iscrowd=0,
                    category_id=tube['category_id'], segmentation=rle,
                    bbox=mask_api.toBbox(rle).tolist(), area=float(mask_api.area(rle))))
    return dict(images=images, annotations=annotations, categories=content['categories'],
                videos=[dict(id=video['id'], name=str(video['id'])) for video in content['videos']])


def ours(stored: StoredSet, num_frames: int, size: tuple[int, int] | None, flip: float = 0.5,
         frames: Sequence[int] | None = None) -> VideoInstanceDataset:
    """This package's side.

    Args:
        stored: The set.
        num_frames: Frames per clip.
        size: Shorter and longer side that frames are fitted into; None keeps them as they are.
        flip: Probability of mirroring.
        frames: Take these frames, instead of drawing them.

    Returns:
        The dataset.
    """
    sample = FixedFrames(frames) if frames else dict(
        type='SampleClip', num_frames=num_frames, frame_range=20, with_replacement=False)
    resize = [] if size is None else [
        dict(type='ClipResize', short_sides=size[0], max_size=size[1])]
    return VideoInstanceDataset(
        ann_file=str(stored.root / 'videos.json'), name='stored',
        data_prefix=dict(img=str(stored.root / 'frames')),
        pipeline=[sample, dict(type='LoadClip'), dict(type='LoadTubes'), *resize,
                  dict(type='ClipFlip', prob=flip), dict(type='PackClip')])


def theirs(stored: StoredSet, num_frames: int, size: tuple[int, int] | None, flip: float = 0.5,
           frames: Sequence[int] | None = None) -> torch.utils.data.Dataset:
    """mmdet's side: the transforms of its configs for YouTube-VIS.

    Args:
        stored: The set.
        num_frames: Frames per clip.
        size: Shorter and longer side that frames are fitted into; None keeps them as they are.
        flip: Probability of mirroring.
        frames: Take these frames, instead of drawing them.

    Returns:
        The dataset.
    """
    resize = [] if size is None else [
        dict(type='mmdet.Resize', scale=size[::-1], keep_ratio=True)]
    dataset = MMDET_DATASETS.build(dict(
        type='mmdet.BaseVideoDataset', ann_file=str(stored.root / 'images.json'),
        metainfo=dict(classes=stored.classes),
        data_prefix=dict(img_path=str(stored.root / 'frames')),
        # ours keeps frames without annotation as well
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=[
            dict(type='mmdet.UniformRefFrameSample', num_ref_imgs=num_frames - 1, frame_range=20),
            dict(type='mmcv.TransformBroadcaster', share_random_params=True, transforms=[
                dict(type='mmdet.LoadImageFromFile'),
                dict(type='mmdet.LoadTrackAnnotations', with_mask=True),
                *resize,
                dict(type='mmdet.RandomFlip', prob=flip)]),
            dict(type='mmdet.PackTrackInputs')]))
    if frames:
        sampler = dataset.pipeline.transforms[0]
        sampler.sampling_frames = lambda length, key_frame_id: (list(frames), [True] * len(frames))
    return dataset


def assert_same_clips(stored: StoredSet, size: tuple[int, int]) -> float:
    """Hold both sides against each other on one clip of every video, mirrored and not.

    At the stored size all frames, masks, labels and ids have to be equal, and after resizing all
    frames. Masks may differ there along their edges: mmdet takes for each pixel the one at the
    corner of the area that it covers, ours the one in the middle.

    Args:
        stored: The set.
        size: Shorter and longer side to resize to.

    Returns:
        Mean IoU of the resized masks.

    Raises:
        AssertionError: If something differs.
    """
    overlaps = []
    for fitted in (None, size):
        for flip in (0.0, 1.0):
            frames = [0, 1, 2]
            own = ours(stored, 3, fitted, flip, frames)
            other = theirs(stored, 3, fitted, flip, frames)
            assert len(own) == len(other)
            for video in range(len(own)):
                overlaps += _compare(own[video], other[video], exact=fitted is None)
    return float(np.mean(overlaps))


def _compare(own: dict[str, Any], other: dict[str, Any], exact: bool) -> list[float]:
    """Compare a clip; returns the IoU of its masks."""
    inputs, tubes = own['inputs'], own['data_samples'].gt_tubes
    # mmdet keeps the channels of OpenCV until its data preprocessor
    assert torch.equal(inputs.flip(1), other['inputs']), 'frames differ'
    overlaps = []
    for t, sample in enumerate(other['data_samples'].video_data_samples):
        instances = sample.gt_instances
        seen = tubes.masks[:, t].flatten(1).any(1)
        masks = torch.from_numpy(instances.masks.masks.astype(bool))
        # after resizing nothing may be left of the smallest
        rows = [i for i, number in enumerate(instances.instances_ids.tolist()) if masks[i].any()]
        ids = instances.instances_ids[rows]
        assert len(ids) == int(seen.sum()), 'another number of instances'
        order = torch.argsort(ids)
        assert torch.equal(instances.labels[rows][order], tubes.labels[seen]), 'labels differ'
        # theirs count through the file, ours within the video
        steps = ids[order] - tubes.instance_ids[seen]
        assert len(set(steps.tolist())) <= 1, 'ids differ'
        for mask, tube in zip(masks[rows][order], tubes.masks[seen, t]):
            if exact:
                assert torch.equal(mask, tube), 'masks differ'
            overlaps.append(float((mask & tube).sum() / (mask | tube).sum()))
    return [] if exact else overlaps
