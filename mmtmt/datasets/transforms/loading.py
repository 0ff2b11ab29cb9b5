"""Choosing frames, and reading them and their masks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmtmt.datasets.transforms.base import ClipTransform
from mmtmt.datasets.transforms.clip_masks import ClipMasks
from mmtmt.registry import TRANSFORMS
from mmtmt.structures.frame_source import ImageFrameSource
from mmtmt.structures.images import FrameError, read_image
from mmtmt.structures.resize import ResizeRule


@TRANSFORMS.register_module()
class SampleClip(ClipTransform):
    """Draws the frames of a training clip: a reference frame, and others close to it.

    As in the official Mask2Former for video, the reference is drawn evenly from all frames and
    the others with replacement from those at most `frame_range` away from it; all are sorted.
    Where a video has no other frame, the reference is repeated.

    Args:
        num_frames: Frames per clip T.
        frame_range: Largest distance to the reference frame, in frames.
        with_replacement: Whether a frame may come twice. Without replacement it does so only in
            videos that have too few frames.
    """

    def __init__(
        self, *, num_frames: int, frame_range: int = 20, with_replacement: bool = True
    ) -> None:
        if num_frames < 1 or frame_range < 1:
            raise ValueError(
                f'expected num_frames and frame_range from 1, got {num_frames} and {frame_range}'
            )
        self.num_frames = num_frames
        self.frame_range = frame_range
        self.with_replacement = with_replacement

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``frame_indices``, see `ClipTransform.transform`."""
        rng, length = results['rng'], len(results['file_names'])
        reference = int(rng.integers(length))
        near = np.arange(
            max(0, reference - self.frame_range), min(length, reference + self.frame_range + 1)
        )
        near = near[near != reference]
        missing = self.num_frames - 1
        others = np.full(missing, reference)
        if len(near) and missing:
            replace = self.with_replacement or len(near) < missing
            others = rng.choice(near, missing, replace=replace)
        results['frame_indices'] = sorted([reference, *others.tolist()])
        return results


@TRANSFORMS.register_module()
class LoadClip(ClipTransform):
    """Reads the frames of the clip, each once however often it comes."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``frames``, ``scale_factor`` and ``flip``, see `ClipTransform.transform`."""
        shape = (results['height'], results['width'])
        indices = list(dict.fromkeys(results['frame_indices']))
        names = [results['file_names'][index] for index in indices]
        paths = resolve_frames(results['img_root'], names)
        decoded = {index: read_image(path, shape) for index, path in zip(indices, paths)}
        results['frames'] = [decoded[index] for index in results['frame_indices']]
        results['scale_factor'] = (1.0, 1.0)
        results['flip'] = False
        return results


@TRANSFORMS.register_module()
class LoadTubes(ClipTransform):
    """Picks the instances that are annotated in any frame of the clip.

    Regions marked as crowds are left out. Instance ids are positions in the video's list of
    annotations, from 1, so they agree between the clips of a video.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``masks``, ``labels`` and ``instance_ids``, see `ClipTransform.transform`."""
        frames = results['frame_indices']
        counts, names, labels, instance_ids = [], [], [], []
        for position, instance in enumerate(results['instances']):
            if instance['iscrowd']:
                continue
            in_clip = [instance['tube'].counts(frame) for frame in frames]
            if any(in_clip):
                counts.append(in_clip)
                names.append(f'annotation {instance["annotation_id"]}')
                labels.append(instance['label'])
                instance_ids.append(position + 1)
        results['masks'] = ClipMasks(
            counts, names, len(frames), results['height'], results['width']
        )
        results['labels'] = np.array(labels, dtype=np.int64)
        results['instance_ids'] = np.array(instance_ids, dtype=np.int64)
        return results


@TRANSFORMS.register_module()
class LoadFrames(ClipTransform):
    """Makes a frame source of a whole video, for prediction; nothing is decoded yet.

    Args:
        short_side: Length of the shorter side in pixels; None with `size`.
        max_size: Largest length of the longer side in pixels.
        size: Height and width in pixels to stretch frames to, in place of `short_side`.
        interpolation: See `ResizeRule`.
    """

    def __init__(
        self,
        *,
        short_side: int | None = 360,
        max_size: int = 1333,
        size: tuple[int, int] | None = None,
        interpolation: str = 'bilinear',
    ) -> None:
        self.resize = ResizeRule(
            short_side=short_side if size is None else None,
            max_size=max_size,
            size=None if size is None else tuple(size),
            interpolation=interpolation,
        )

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``source`` and ``frame_indices``, see `ClipTransform.transform`."""
        paths = resolve_frames(results['img_root'], results['file_names'])
        results['source'] = ImageFrameSource(
            paths,
            ori_shape=(results['height'], results['width']),
            resize=self.resize,
            name=f'{results["dataset"]}, video {results["video_id"]}',
        )
        results['frame_indices'] = list(range(len(paths)))
        return results


def resolve_frame(root: str, name: str) -> str:
    """Find a frame's file, see `resolve_frames`.

    Args:
        root: Folder of the frames; it may be a link itself.
        name: Path of the file in it.

    Returns:
        Path of the file.
    """
    return resolve_frames(root, [name])[0]


def resolve_frames(root: str, names: Sequence[str]) -> list[str]:
    """Find frames' files, making sure that no link leads out of the image folder.

    Args:
        root: Folder of the frames; it may be a link itself.
        names: Paths of the files in it.

    Returns:
        Paths of the files.

    Raises:
        FrameError: If a file lies elsewhere.
    """
    real_root = os.path.realpath(root)
    inside = os.path.join(real_root, '')
    # Frames of a video share a folder, whose links are followed once.
    folders: dict[str, str] = {}
    paths = []
    for name in names:
        folder, file = os.path.split(name)
        if folder not in folders:
            folders[folder] = os.path.realpath(os.path.join(real_root, folder))
        path = os.path.join(folders[folder], file)
        if file in ('', '.', '..') or os.path.islink(path):
            path = os.path.realpath(path)
        if not path.startswith(inside):
            raise FrameError(f'{name}: expected a file in {root}, got a link to {path}')
        paths.append(path)
    return paths
