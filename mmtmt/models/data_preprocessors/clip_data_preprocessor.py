"""Normalises and pads clips, and their masks with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor

from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import FrameSource
from mmtmt.structures.samples import TubeDataSample


@MODELS.register_module()
class ClipDataPreprocessor(BaseDataPreprocessor):
    """Turns a batch of clips into one tensor on the model's device.

    Frames come in as RGB, whatever they were read from; mean and std are in the model's own order.
    Padding is added on the right and at the bottom, and is zero after normalisation. For
    prediction the inputs are frame sources, which pass untouched: the model reads and
    `normalize`\\ s a few frames at a time.

    Args:
        mean: Mean per channel in 0..255, in the order that the model takes.
        std: Standard deviation per channel in 0..255, in the order that the model takes.
        rgb_to_bgr: Whether the model takes BGR, as some converted weights do.
        pad_size_divisor: Height and width are padded to a multiple of it.
        non_blocking: Whether copies to the device may overlap with computation.
    """

    def __init__(
        self,
        *,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        rgb_to_bgr: bool = False,
        pad_size_divisor: int = 32,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f'expected 3 means and 3 positive stds, got {mean} and {std}')
        if pad_size_divisor < 1:
            raise ValueError(f'pad_size_divisor: expected at least 1, got {pad_size_divisor}')
        self.rgb_to_bgr = rgb_to_bgr
        self.pad_size_divisor = pad_size_divisor
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def padded_shape(self, shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Smallest padded size that holds all frames.

        Args:
            shapes: Heights and widths in pixels.

        Returns:
            Height and width in pixels, multiples of the divisor.
        """
        divisor = self.pad_size_divisor
        height, width = (max(lengths) for lengths in zip(*shapes))
        return -(-height // divisor) * divisor, -(-width // divisor) * divisor

    def normalize(
        self, frames: torch.Tensor, padded_shape: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Normalise and pad frames.

        Args:
            frames: (T, 3, h, w) uint8, RGB, on any device.
            padded_shape: Height and width after padding in pixels; None pads to the next multiple
                of the divisor.

        Returns:
            (T, 3, H, W) float32 on the model's device.

        Raises:
            ValueError: If `frames` isn't uint8 with 3 channels.
        """
        if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != torch.uint8:
            raise ValueError(
                f'expected frames (T, 3, h, w) of uint8, '
                f'got {tuple(frames.shape)} of {frames.dtype}'
            )
        height, width = frames.shape[-2:]
        padded_height, padded_width = padded_shape or self.padded_shape([(height, width)])
        frames = frames.to(self.device, non_blocking=self._non_blocking)
        if self.rgb_to_bgr:
            frames = frames.flip(1)
        normalized = (frames.float() - self.mean).div_(self.std)
        return F.pad(normalized, (0, padded_width - width, 0, padded_height - height))

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs``, a list of B clips (T, 3, h, w) uint8 of any sizes but one T, or of B
                frame sources; ``data_samples``, a list of B samples, or None.
            training: Whether the batch is for training; unused, clips are treated alike.

        Returns:
            ``inputs``: (B, T, 3, H, W) float32, or the frame sources; ``data_samples``: the
            samples on the model's device, their masks (N, T, H, W) padded like the frames, with
            ``batch_input_shape`` = (H, W) in their metainfo.

        Raises:
            ValueError: If clips have different numbers of frames, or masks don't fit their clip.
        """
        data = self.cast_data(data)
        inputs, samples = data['inputs'], data.get('data_samples')
        if isinstance(inputs[0], FrameSource):
            return {'inputs': inputs, 'data_samples': samples}

        lengths = [len(clip) for clip in inputs]
        if len(set(lengths)) != 1:
            raise ValueError(f'expected clips with one number of frames, got {lengths}')
        shape = self.padded_shape([tuple(clip.shape[-2:]) for clip in inputs])
        batch = torch.stack([self.normalize(clip, shape) for clip in inputs])
        for clip, sample in zip(inputs, samples or []):
            self._pad_sample(sample, clip, shape)
        return {'inputs': batch, 'data_samples': samples}

    @staticmethod
    def _pad_sample(
        sample: TubeDataSample, clip: torch.Tensor, padded_shape: tuple[int, int]
    ) -> None:
        """Pad the masks of a sample in place and note the padded size."""
        sample.set_metainfo({'batch_input_shape': padded_shape})
        if 'gt_tubes' not in sample:
            return
        num_frames, _, height, width = clip.shape
        masks = sample.gt_tubes.masks
        if tuple(masks.shape[1:]) != (num_frames, height, width):
            raise ValueError(
                f'{sample.dataset}, video {sample.video_id}: expected masks of {num_frames} frames '
                f'of {height} x {width}, got {tuple(masks.shape)}'
            )
        padding = (0, padded_shape[1] - width, 0, padded_shape[0] - height)
        sample.gt_tubes.masks = F.pad(masks, padding)
