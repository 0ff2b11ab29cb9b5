"""Frame sources: a video as something to read frames from, a few at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from mmtmt.structures.images import read_image
from mmtmt.structures.resize import ResizeRule


class FrameSource(ABC):
    """A video whose frames are decoded and resized only when they are asked for.

    Subclasses implement `decode`. A source must survive pickling, since data loaders hand it from
    a worker to the main process.

    Args:
        num_frames: Number of frames T, at least 1.
        ori_shape: Height and width of the stored frames in pixels.
        resize: Rule for the size that the model sees; None keeps the stored size.
        name: What error messages call the video.

    Raises:
        ValueError: If there is no frame.
    """

    def __init__(
        self,
        *,
        num_frames: int,
        ori_shape: tuple[int, int],
        resize: ResizeRule | None = None,
        name: str = 'video',
    ) -> None:
        if num_frames < 1:
            raise ValueError(f'{name}: expected at least one frame, got {num_frames}')
        self.num_frames = num_frames
        self.ori_shape = (int(ori_shape[0]), int(ori_shape[1]))
        self.resize = resize
        self.name = name

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.num_frames

    @property
    def img_shape(self) -> tuple[int, int]:
        """Height and width in pixels of the frames that `read` returns."""
        return self.resize.output_shape(*self.ori_shape) if self.resize else self.ori_shape

    @abstractmethod
    def decode(self, start: int, stop: int) -> Sequence[np.ndarray]:
        """Decode frames at their stored size.

        Args:
            start: First frame.
            stop: One past the last frame; at most T.

        Returns:
            stop - start arrays (H, W, 3) uint8, RGB.
        """

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Decode and resize frames.

        Args:
            start: First frame.
            stop: One past the last frame; cut at the end of the video.

        Returns:
            (t, 3, H, W) uint8, RGB, with t = min(stop, T) - start and H, W as in `img_shape`.

        Raises:
            IndexError: If the range is empty or starts outside the video.
        """
        stop = min(stop, self.num_frames)
        if not 0 <= start < stop:
            raise IndexError(
                f'{self.name}: expected a range of frames within 0..{self.num_frames}, '
                f'got {start}..{stop}'
            )
        frames = self.decode(start, stop)
        if self.resize is not None:
            frames = [self.resize(frame) for frame in frames]
        return frames_to_tensor(frames)


class ImageFrameSource(FrameSource):
    """A video stored as one image file per frame.

    Args:
        paths: Files of the frames in order.
        ori_shape: Height and width in pixels that every file must have; None takes them from the
            first file.
        resize: Rule for the size that the model sees; None keeps the stored size.
        name: What error messages call the video.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        ori_shape: tuple[int, int] | None = None,
        resize: ResizeRule | None = None,
        name: str = 'video',
    ) -> None:
        self.paths = [str(path) for path in paths]
        if ori_shape is None and self.paths:
            ori_shape = read_image(self.paths[0]).shape[:2]
        super().__init__(
            num_frames=len(self.paths), ori_shape=ori_shape or (0, 0), resize=resize, name=name
        )

    def decode(self, start: int, stop: int) -> list[np.ndarray]:
        """Decode frames at their stored size, see `FrameSource.decode`."""
        return [read_image(path, self.ori_shape) for path in self.paths[start:stop]]


class ArrayFrameSource(FrameSource):
    """A video in memory.

    Args:
        frames: (T, H, W, 3) uint8, RGB.
        resize: Rule for the size that the model sees; None keeps the stored size.
        name: What error messages call the video.

    Raises:
        ValueError: If `frames` has another form.
    """

    def __init__(
        self, frames: np.ndarray, *, resize: ResizeRule | None = None, name: str = 'video'
    ) -> None:
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ValueError(
                f'{name}: expected frames (T, H, W, 3) of uint8, '
                f'got {frames.shape} of {frames.dtype}'
            )
        super().__init__(
            num_frames=len(frames), ori_shape=frames.shape[1:3], resize=resize, name=name
        )
        self.frames = frames

    def decode(self, start: int, stop: int) -> list[np.ndarray]:
        """Return frames at their stored size, see `FrameSource.decode`."""
        return list(self.frames[start:stop])


def frames_to_tensor(frames: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack frames of one size, channels first.

    Args:
        frames: T arrays (H, W, 3) uint8.

    Returns:
        (T, 3, H, W) uint8, contiguous.

    Raises:
        ValueError: If the frames have another type, or several sizes.
    """
    first = frames[0]
    if first.ndim != 3 or any(f.shape != first.shape or f.dtype != np.uint8 for f in frames):
        kinds = {(frame.shape, frame.dtype.name) for frame in frames}
        raise ValueError(f'expected frames of one size, (H, W, 3) uint8, got {sorted(kinds)}')
    height, width, channels = first.shape
    stacked = np.empty((len(frames), channels, height, width), np.uint8)
    for frame, planes in zip(frames, stacked):
        # writes into the planes; ten times as fast as a permutation
        cv2.split(frame, list(planes))
    return torch.from_numpy(stacked)
