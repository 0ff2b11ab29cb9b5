"""What all clip transforms have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class ClipTransform(ABC):
    """One step of a pipeline.

    Steps pass on one dictionary. What is in it, and who puts it there:

    - the dataset: ``dataset``, ``vocabulary``, ``video_id``, ``height``, ``width``,
      ``file_names``, ``instances``, ``img_root``, ``sample_index`` and ``seed``, see `SampleKey`,
      and ``rng``, the source of all randomness that samples don't share;
    - `SampleClip`: ``frame_indices``, T ascending integers;
    - `LoadClip`: ``frames``, a list of T arrays (H, W, 3) uint8, RGB, all of one size;
      ``scale_factor`` (width, height) and ``flip``;
    - `LoadTubes`: ``masks`` (`ClipMasks`), ``labels`` and ``instance_ids``, (N,) int64;
    - `ClipFrameWise`: ``frame_shapes``, T pairs (height, width) without padding.
    """

    @abstractmethod
    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Do the step.

        Args:
            results: What the steps before have put together.

        Returns:
            The same dictionary, or what the pipeline returns.
        """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Do the step, see `transform`."""
        return self.transform(results)

    def __repr__(self) -> str:
        """Show the options."""
        options = ', '.join(f'{k}={v!r}' for k, v in vars(self).items())
        return f'{type(self).__name__}({options})'
