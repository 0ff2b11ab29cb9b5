"""The pixel decoder of Mask2Former: deformable attention over three levels and one FPN step."""
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, caffe2_xavier_init
from torch import Tensor, nn

from mmtmt.models.layers import DeformableEncoder, sine_position_2d
from mmtmt.registry import MODELS


class PixelFeatures(NamedTuple):
    """What a pixel decoder returns for N images.

    Attributes:
        mask_features: (N, C_mask, H/4, W/4), multiplied with mask embeddings.
        multi_scale: (N, C, h, w) of strides 32, 16, 8, attended by the queries.
        stride4: (N, C, H/4, W/4), the map before the mask-feature convolution.
    """

    mask_features: Tensor
    multi_scale: list[Tensor]
    stride4: Tensor


@MODELS.register_module()
class MSDeformAttnPixelDecoder(BaseModule):
    """Multi-scale deformable attention pixel decoder (Mask2Former, section 3.2.1).

    Parameter names are those of mmdet's module of the same name. Frames are independent images;
    padded pixels are attended to, as in the official code. Runs in float32 also under autocast.

    Args:
        in_channels: Channels of the backbone maps of strides 4, 8, 16, 32.
        feat_channels: C of the encoder.
        out_channels: C_mask of the mask features.
        num_encoder_layers: Deformable layers.
        feedforward_dims: Hidden width of their feed-forward blocks.
        num_heads: Attention heads.
        num_points: Sampling points per head and level.
        init_cfg: mmengine initialisation.
    """

    NUM_LEVELS = 3  # strides 32, 16, 8

    def __init__(self, *, in_channels: Sequence[int], feat_channels: int = 256,
                 out_channels: int = 256, num_encoder_layers: int = 6,
                 feedforward_dims: int = 1024, num_heads: int = 8, num_points: int = 4,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if len(in_channels) != self.NUM_LEVELS + 1:
            raise ValueError('pixel_decoder.in_channels: expected the channels of 4 backbone maps '
                             f'(strides 4, 8, 16, 32), got {list(in_channels)}')
        norm = dict(type='GN', num_groups=32)
        stride4_channels, *encoder_channels = in_channels
        # PyTorch's own lists: mmengine's would let ConvModule initialise anew what is done below
        self.input_convs = nn.ModuleList([
            ConvModule(channels, feat_channels, 1, norm_cfg=norm, act_cfg=None, bias=True)
            for channels in reversed(encoder_channels)
        ])
        self.level_encoding = nn.Embedding(self.NUM_LEVELS, feat_channels)
        self.encoder = DeformableEncoder(
            num_encoder_layers, embed_dims=feat_channels, num_heads=num_heads,
            num_levels=self.NUM_LEVELS, num_points=num_points, feedforward_dims=feedforward_dims)
        self.lateral_convs = nn.ModuleList([
            ConvModule(stride4_channels, feat_channels, 1, norm_cfg=norm, act_cfg=None, bias=False)
        ])
        self.output_convs = nn.ModuleList([
            ConvModule(feat_channels, feat_channels, 3, padding=1, norm_cfg=norm, bias=False)
        ])
        self.mask_feature = nn.Conv2d(feat_channels, out_channels, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise as the official code does."""
        self.encoder.reset_parameters()
        for conv in self.input_convs:
            nn.init.xavier_uniform_(conv.conv.weight)
            nn.init.zeros_(conv.conv.bias)
        nn.init.normal_(self.level_encoding.weight)
        for conv in (self.lateral_convs[0].conv, self.output_convs[0].conv, self.mask_feature):
            caffe2_xavier_init(conv)

    def forward(self, features: Sequence[Tensor]) -> PixelFeatures:
        """Decode the backbone's maps.

        Args:
            features: (N, C_l, H/s, W/s) for the strides s = 4, 8, 16, 32.

        Returns:
            Mask features, the three attended levels and the stride-4 map.
        """
        with torch.autocast(features[0].device.type, enabled=False):
            return self._forward([feature.float() for feature in features])

    def _forward(self, features: list[Tensor]) -> PixelFeatures:
        levels = [conv(feature) for conv, feature in zip(self.input_convs, reversed(features))]
        shapes = [(level.shape[-2], level.shape[-1]) for level in levels]
        sizes = [height * width for height, width in shapes]
        # maps with channels last are tokens already
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)
        position = torch.cat([
            sine_position_2d(level.shape[1], *shape, level.device).flatten(1).t() + encoding
            for level, shape, encoding in zip(levels, shapes, self.level_encoding.weight)
        ])
        tokens = self.encoder(tokens, position, shapes)
        multi_scale = [
            part.transpose(1, 2).unflatten(2, shape)
            for part, shape in zip(tokens.split(sizes, dim=1), shapes)
        ]
        lateral = self.lateral_convs[0](features[0])
        upsampled = F.interpolate(
            multi_scale[-1], size=lateral.shape[-2:], mode='bilinear', align_corners=False)
        stride4 = self.output_convs[0](upsampled.add_(lateral))
        return PixelFeatures(self.mask_feature(stride4), multi_scale, stride4)
