"""The pixel decoder of Mask2Former: deformable attention over three levels and one FPN step."""
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList, caffe2_xavier_init
from torch import Tensor, nn

from mmtmt.models.layers import MSDeformAttn, TokenLinear, sine_position_2d
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


class _FFN(nn.Module):
    """Feed-forward block with the parameter names of mmcv's (`layers.0.0`, `layers.1`)."""

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Sequential(TokenLinear(embed_dims, hidden_dims), nn.ReLU(inplace=True)),
            TokenLinear(hidden_dims, embed_dims))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _EncoderLayer(nn.Module):
    """Deformable self-attention and feed-forward, each with residual and post-norm."""

    def __init__(self, embed_dims: int, num_heads: int, num_levels: int, num_points: int,
                 feedforward_dims: int) -> None:
        super().__init__()
        self.self_attn = MSDeformAttn(
            embed_dims=embed_dims, num_heads=num_heads, num_levels=num_levels,
            num_points=num_points)
        self.ffn = _FFN(embed_dims, feedforward_dims)
        self.norms = nn.ModuleList([nn.LayerNorm(embed_dims) for _ in range(2)])

    def forward(self, tokens: Tensor, position: Tensor, reference_points: Tensor,
                spatial_shapes: list[tuple[int, int]]) -> Tensor:
        # sums in place: each is as large as the features of all levels
        attended = self.self_attn(tokens + position, reference_points, tokens, spatial_shapes)
        tokens = self.norms[0](attended.add_(tokens))
        return self.norms[1](self.ffn(tokens).add_(tokens))


class _Encoder(nn.Module):
    """A stack of deformable layers over the tokens of all levels."""

    def __init__(self, num_layers: int, **layer_args) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_EncoderLayer(**layer_args) for _ in range(num_layers)])

    def forward(self, tokens: Tensor, position: Tensor,
                spatial_shapes: list[tuple[int, int]]) -> Tensor:
        reference_points = pixel_centres(spatial_shapes, tokens.device)
        # one image's points serve the whole batch and every level
        reference_points = reference_points[None, :, None].expand(
            tokens.shape[0], -1, len(spatial_shapes), -1)
        for layer in self.layers:
            tokens = layer(tokens, position, reference_points, spatial_shapes)
        return tokens


def pixel_centres(spatial_shapes: list[tuple[int, int]], device: torch.device) -> Tensor:
    """Normalised (x, y) of every pixel centre of every level.

    Args:
        spatial_shapes: (h, w) per level.
        device: Where to build it.

    Returns:
        (sum of h * w, 2) in (0, 1).
    """
    centres = []
    for height, width in spatial_shapes:
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        centres.append(torch.stack(
            (x.expand(height, width), y[:, None].expand(height, width)), dim=-1).flatten(0, 1))
    return torch.cat(centres)


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
        self.input_convs = ModuleList([
            ConvModule(channels, feat_channels, 1, norm_cfg=norm, act_cfg=None, bias=True)
            for channels in reversed(encoder_channels)
        ])
        self.level_encoding = nn.Embedding(self.NUM_LEVELS, feat_channels)
        self.encoder = _Encoder(
            num_encoder_layers, embed_dims=feat_channels, num_heads=num_heads,
            num_levels=self.NUM_LEVELS, num_points=num_points, feedforward_dims=feedforward_dims)
        self.lateral_convs = ModuleList([
            ConvModule(stride4_channels, feat_channels, 1, norm_cfg=norm, act_cfg=None, bias=False)
        ])
        self.output_convs = ModuleList([
            ConvModule(feat_channels, feat_channels, 3, padding=1, norm_cfg=norm, bias=False)
        ])
        self.mask_feature = nn.Conv2d(feat_channels, out_channels, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise as the official code does."""
        for parameter in self.encoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        for module in self.encoder.modules():
            if isinstance(module, MSDeformAttn):
                module.init_weights()
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
