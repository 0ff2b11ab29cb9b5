"""The masked-attention decoder of Mask2Former for images, over the frames of clips."""
from collections.abc import Sequence

import torch
from torch import Tensor

from mmtmt.models.decoders.video_mask_decoder import Inject, VideoMaskDecoder
from mmtmt.models.layers import sine_position_2d
from mmtmt.models.outputs import CategoryContext, DecoderOutputs
from mmtmt.registry import MODELS


@MODELS.register_module()
class FrameMaskDecoder(VideoMaskDecoder):
    """Mask2Former's decoder, whose queries start anew in each frame (arXiv 2112.01527).

    A frame is decoded as a clip of one frame, with the position encoding of images. The frames of
    a batch of clips become one long batch: frame t of clip b is its entry b * T + t. Parameters
    are those of VideoMaskDecoder.
    """

    unit = 'frame'

    def forward(self, multi_scale: Sequence[Tensor], mask_features: Tensor,
                context: CategoryContext | None = None, *, inject: Inject | None = None,
                auxiliary: bool = True) -> DecoderOutputs:
        """Decode every frame of a batch of clips.

        Args:
            multi_scale: (B, T, C, h, w) of strides 32, 16, 8.
            mask_features: (B, T, C_mask, H, W) of stride 4.
            context: Categories of the clips, for the text classifier.
            inject: As for VideoMaskDecoder, on queries (B * T, Q, C).
            auxiliary: Keep the predictions of all stages, not of the last alone.

        Returns:
            Predictions (B * T, Q, ...) and mask features (B * T, 1, C_mask, H, W), without a
            compiled taxonomy.
        """
        # a context's texts are the same for all frames and its candidates aren't read here
        return super().forward(
            [fold_frames(level) for level in multi_scale], fold_frames(mask_features), context,
            inject=inject, auxiliary=auxiliary)

    def _position(self, frames: int, height: int, width: int, device: torch.device) -> Tensor:
        return sine_position_2d(self.embed_dims, height, width, device)[None]


def fold_frames(features: Tensor) -> Tensor:
    """Make each frame a clip of its own.

    Args:
        features: (B, T, ...).

    Returns:
        (B * T, 1, ...).
    """
    return features.flatten(0, 1)[:, None]
