"""Masks of a clip that go through all transforms before they are decoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from mmtmt.datasets.transforms.pixel_selection import FreeSelection, GridSelection, MaskRuns
from mmtmt.datasets.transforms.shared import map_once
from mmtmt.structures.resize import nearest_indices
from mmtmt.structures.runs import RunLengthError, decode_runs

Selection = GridSelection | FreeSelection


class ClipMasks:
    """Compressed masks, and which of their pixels the clip shows.

    Resizing to the nearest pixel, cropping, flipping, padding and rotating only select pixels, so
    any sequence of them is one selection per frame: masks are decoded once, whatever the pipeline
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
        self.selections: list[Selection] = [GridSelection.whole(height, width)] * num_frames

    def split(self) -> list[ClipMasks]:
        """Take the frames apart.

        Returns:
            T clips of one frame, each with all instances.
        """
        clips = []
        for frame, selection in enumerate(self.selections):
            counts = [[frames[frame]] for frames in self.counts]
            clips.append(ClipMasks(counts, self.names, 1, *self.ori_shape))
            clips[-1].selections = [selection]
        return clips

    @classmethod
    def join(cls, clips: Sequence[ClipMasks], height: int, width: int) -> ClipMasks:
        """Put clips of the same instances one after another.

        Args:
            clips: What `split` gave, in any sizes.
            height: Height to pad all to in pixels.
            width: Width to pad all to in pixels.

        Returns:
            The clip of all their frames.
        """
        counts = [sum(of_clips, []) for of_clips in zip(*(clip.counts for clip in clips))]
        joined = cls(counts, clips[0].names, 0, *clips[0].ori_shape)
        joined.selections = [
            selection.pad(height, width) for clip in clips for selection in clip.selections
        ]
        return joined

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.selections)

    def __len__(self) -> int:
        """Return the number of instances N."""
        return len(self.counts)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of the decoded masks."""
        return self.selections[0].shape

    def resize(self, height: int, width: int) -> None:
        """Resize all frames to the nearest pixel.

        Args:
            height: New height in pixels.
            width: New width in pixels.
        """
        rows = nearest_indices(self.shape[0], height)
        columns = nearest_indices(self.shape[1], width)
        self._change(lambda selection: selection.select(rows, columns))

    def crop(self, corners: Sequence[tuple[int, int]], height: int, width: int) -> None:
        """Crop a window out of every frame.

        Args:
            corners: Top and left of the window in each frame, T pairs.
            height: Height of the window in pixels.
            width: Width of the window in pixels.
        """
        self.selections = [
            selection.select(slice(top, top + height), slice(left, left + width))
            for selection, (top, left) in zip(self.selections, corners)
        ]

    def flip(self) -> None:
        """Mirror all frames left to right."""
        self._change(lambda selection: selection.select(slice(None), slice(None, None, -1)))

    def pad(self, height: int, width: int) -> None:
        """Add pixels without any instance at the bottom and the right.

        Args:
            height: New height in pixels.
            width: New width in pixels.
        """
        self._change(lambda selection: selection.pad(height, width))

    def warp(self, matrices: Sequence[np.ndarray]) -> None:
        """Move the pixels of every frame.

        Args:
            matrices: T matrices, see `FreeSelection.warp`.
        """
        self.selections = [
            selection.warp(matrix) for selection, matrix in zip(self.selections, matrices)
        ]

    def _change(self, function: Callable[[Selection], Selection]) -> None:
        self.selections = map_once(function, self.selections)

    def decode(self) -> np.ndarray:
        """Decode the masks.

        Returns:
            (N, T, H, W) bool.

        Raises:
            ValueError: If an RLE doesn't cover exactly its frame; instance and frame are named.
        """
        masks = np.zeros((len(self), self.num_frames, *self.shape), dtype=bool)
        shown = [
            (i, t)
            for i, frames in enumerate(self.counts)
            for t, counts in enumerate(frames)
            if counts is not None
        ]
        # A frame may come several times.
        decoded = self._decode_runs({self.counts[i][t]: (i, t) for i, t in shown})
        for i, t in shown:
            self.selections[t].paint(decoded[self.counts[i][t]], masks[i, t].view(np.uint8))
        return masks

    def _decode_runs(self, places: dict[bytes, tuple[int, int]]) -> dict[bytes, MaskRuns]:
        """Decode masks, given with an instance and frame that shows each."""
        decoded = {}
        strings = sorted(places, key=len)
        # Masks that are decoded at once take the memory of the longest.
        for _, group in groupby(strings, key=lambda counts: len(counts).bit_length() // 4):
            block = list(group)
            try:
                runs = decode_runs(block, np.full(len(block), math.prod(self.ori_shape)))
            except RunLengthError as error:
                i, t = places[block[error.row]]
                raise ValueError(f'{self.names[i]}, frame {t} of the clip: {error}') from error
            columns = (
                runs.ends(slice(None)),
                (runs.signs == 1).view(np.uint8),
                runs.first.tolist(),
                runs.last.tolist(),
            )
            decoded.update(zip(block, map(MaskRuns, *columns)))
        return decoded
