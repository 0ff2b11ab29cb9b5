"""Mask features of IDOL: the finest levels of the encoder, fused to a few channels."""
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class MaskBranch(nn.Module):
    """Adds up three levels from coarse to fine, with a convolution after each, and narrows them.

    Args:
        embed_dims: C.
        out_channels: Channels of the result.
    """

    def __init__(self, *, embed_dims: int = 256, out_channels: int = 8) -> None:
        super().__init__()
        self.fuse_convs = nn.ModuleList(
            nn.Conv2d(embed_dims, embed_dims, 3, padding=1) for _ in range(3))
        narrow = embed_dims // 4
        self.narrow_convs = nn.ModuleList([
            nn.Conv2d(embed_dims, narrow, 3, padding=1),
            nn.Conv2d(narrow, out_channels, 3, padding=1)])
        for conv in (*self.fuse_convs, *self.narrow_convs):
            nn.init.kaiming_uniform_(conv.weight, a=1)
            nn.init.zeros_(conv.bias)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Fuse.

        Args:
            levels: (N, C, h, w) of strides 8, 16 and 32; further ones are not read.

        Returns:
            (N, out_channels, h, w) of stride 8.
        """
        fused = None
        for level, conv in zip(reversed(levels[:3]), self.fuse_convs):
            if fused is not None:
                level = level + F.interpolate(fused, size=level.shape[-2:], mode='nearest')
            fused = F.relu(conv(level))
        for conv in self.narrow_convs:
            fused = F.relu(conv(fused))
        return fused
