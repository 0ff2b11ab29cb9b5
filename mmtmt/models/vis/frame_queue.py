"""Frames that wait until there are enough of them to be computed together."""
import torch
from torch import Tensor


class FrameQueue:
    """Cuts a stream of frames into portions that don't depend on how the frames came in."""

    def __init__(self) -> None:
        self._frames: list[Tensor] = []

    def __len__(self) -> int:
        """The number of frames that wait."""
        return sum(map(len, self._frames))

    def push(self, frames: Tensor) -> None:
        """Add frames.

        Args:
            frames: (t, 3, h, w) uint8, of the size of those that wait.
        """
        self._frames.append(frames)

    def pop(self, count: int) -> Tensor:
        """Take the first frames out.

        Args:
            count: Frames at most.

        Returns:
            (t, 3, h, w) uint8, t at most `count`.
        """
        frames = self._frames[0] if len(self._frames) == 1 else torch.cat(self._frames)
        self._frames = [frames[count:]] if len(frames) > count else []
        return frames[:count]
