"""Masks of a clip that go through crops, flips and resizing before they are decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmtmt.structures.resize import nearest_indices
from mmtmt.structures.rle import decode_mask


class ClipMasks:
    """Compressed masks, and which of their rows and columns the clip shows.

    Resizing to the nearest pixel, cropping and flipping only select rows and columns, so any
    sequence of them is one selection per frame: masks are decoded once, whatever the pipeline
    does, and come out as if they had gone through it step by step.

    Args:
        counts: Compressed ``counts`` per instance and frame, None where absent; N lists of T.
        names: What error messages call the instances, N strings.
        num_frames: Number of frames T.
        height: Height of the stored masks in pixels.
        width: Width of the stored masks in pixels.
    """

    def __init__(
        self,
        counts: Sequence[Sequence[bytes | None]],
        names: Sequence[str],
        num_frames: int,
        height: int,
        width: int,
    ) -> None:
        self.counts = [list(frames) for frames in counts]
        self.names = list(names)
        self.ori_shape = (height, width)
        self.rows = [np.arange(height)] * num_frames
        self.columns = [np.arange(width)] * num_frames

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.rows)

    def __len__(self) -> int:
        """Return the number of instances N."""
        return len(self.counts)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of the decoded masks."""
        return len(self.rows[0]), len(self.columns[0])

    def resize(self, height: int, width: int) -> None:
        """Resize all frames to the nearest pixel.

        Args:
            height: New height in pixels.
            width: New width in pixels.
        """
        rows = nearest_indices(self.shape[0], height)
        columns = nearest_indices(self.shape[1], width)
        self.rows = [selected[rows] for selected in self.rows]
        self.columns = [selected[columns] for selected in self.columns]

    def crop(self, corners: Sequence[tuple[int, int]], height: int, width: int) -> None:
        """Crop a window out of every frame.

        Args:
            corners: Top and left of the window in each frame, T pairs.
            height: Height of the window in pixels.
            width: Width of the window in pixels.
        """
        self.rows = [selected[top : top + height] for selected, (top, _) in zip(self.rows, corners)]
        self.columns = [
            selected[left : left + width] for selected, (_, left) in zip(self.columns, corners)
        ]

    def flip(self) -> None:
        """Mirror all frames left to right."""
        self.columns = [selected[::-1] for selected in self.columns]

    def decode(self) -> np.ndarray:
        """Decode the masks.

        Returns:
            (N, T, H, W) bool.

        Raises:
            ValueError: If an RLE doesn't cover exactly its frame; instance and frame are named.
        """
        masks = np.zeros((len(self), self.num_frames, *self.shape), dtype=bool)
        for i, frames in enumerate(self.counts):
            for t, counts in enumerate(frames):
                if counts is None:
                    continue
                try:
                    stored = decode_mask(counts, *self.ori_shape)
                except ValueError as error:
                    raise ValueError(f'{self.names[i]}, frame {t} of the clip: {error}') from error
                # pycocotools stores columns one after the other: the transpose is contiguous.
                columns = stored.T.take(self.columns[t], axis=0)
                masks[i, t] = columns.take(self.rows[t], axis=1).T
        return masks
