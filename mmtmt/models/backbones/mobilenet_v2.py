"""MobileNetV2 (Sandler et al., 2018): a small backbone for work on CPUs."""

from pathlib import Path

import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.registry import MODELS

from .files import read_state_dict, require_weights_file

# (expansion, channels, blocks, stride of the first block): table 2 of the paper
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_LAST_CHANNELS = 1280
# The last block before each halving of the resolution, by stride.
_BLOCK_OF_STRIDE = {2: 1, 4: 3, 8: 6, 16: 13, 32: 17}


def _round_channels(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and not below 0.9 of ``channels``."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class PaddedConv2d(nn.Conv2d):
    """A convolution with TensorFlow's 'SAME' padding.

    The output has ceil(size / stride) positions; where the padding is odd, the extra row and column
    lie at the end. A symmetric padding samples other positions wherever the stride is 2.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pad and convolve.

        Args:
            x: (N, C, H, W).

        Returns:
            (N, C', ceil(H / stride), ceil(W / stride)).
        """
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        if pads[0] == pads[1] and pads[2] == pads[3]:
            padding = (pads[2], pads[0])
            return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, 0, 1, self.groups)


class _ConvFactory:
    """Makes the convolutions of one model: padding and normalisation are the same everywhere."""

    def __init__(self, norm_cfg: dict | None, same_padding: bool) -> None:
        self.norm_cfg = norm_cfg
        self.same_padding = same_padding

    def layers(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> list[nn.Module]:
        """A convolution and, unless it is folded into the bias, its norm."""
        cls = PaddedConv2d if self.same_padding else nn.Conv2d
        conv = cls(
            inputs,
            outputs,
            kernel,
            stride,
            padding=0 if self.same_padding else kernel // 2,
            groups=groups,
            bias=self.norm_cfg is None,
        )
        if self.norm_cfg is None:
            return [conv]
        return [conv, build_norm_layer(self.norm_cfg, outputs)[1]]

    def activated(self, *args: int, **kwargs: int) -> nn.Sequential:
        """The same, followed by ReLU6."""
        return nn.Sequential(*self.layers(*args, **kwargs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Expand, filter every channel by itself, project without an activation.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        stride: 1 or 2; the input is added where neither size nor channels change.
        expansion: Factor of the channels in between.
        make: Makes the convolutions.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: int, make: _ConvFactory
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [] if expansion == 1 else [make.activated(inputs, hidden)]
        layers.append(make.activated(hidden, hidden, kernel=3, stride=stride, groups=hidden))
        self.conv = nn.Sequential(*layers, *make.layers(hidden, outputs))
        self.adds_input = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        return x + self.conv(x) if self.adds_input else self.conv(x)


@MODELS.register_module()
class MobileNetV2(BaseModule):
    """MobileNetV2 whose parameters have torchvision's names.

    Without ``norm_cfg`` the convolutions carry biases, into which a trained batch norm is folded:
    nothing depends on the batch. From scratch, use ``norm_cfg=dict(type='BN')``.

    Args:
        weights: File read by ``init_weights``: an ``.npz`` of folded weights or a state dict
            (``.pth``) of torchvision's model. Weights from TensorFlow want pixels scaled to -1..1,
            that is mean 127.5 and std 127.5. None for random ones.
        norm_cfg: Norm after every convolution; None for folded weights.
        same_padding: TensorFlow's 'SAME' padding; False for torchvision's symmetric one.
        strides: Strides of the feature maps to return, rising, out of 2, 4, 8, 16 and 32.
        expand_last: Return the 1280 channels of the last 1x1 convolution at stride 32 instead of
            320.
        widen_factor: Factor of all channels.
        frozen_stages: Stages that aren't trained: 0 the stem, 1 to 4 what leads to the strides
            4, 8, 16 and 32; -1 trains everything.
        norm_eval: Keep the statistics of every batch norm as they are.
        init_cfg: As for every module of mmengine.

    Raises:
        ValueError: Unknown strides or stage, or both ``weights`` and ``init_cfg``.
    """

    def __init__(
        self,
        *,
        weights: str | None = None,
        norm_cfg: dict | None = None,
        same_padding: bool = True,
        strides: tuple[int, ...] = (4, 8, 16, 32),
        expand_last: bool = False,
        widen_factor: float = 1.0,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        unknown = [stride for stride in strides if stride not in _BLOCK_OF_STRIDE]
        if unknown or list(strides) != sorted(set(strides)) or not strides:
            raise ValueError(
                f'strides must rise and be out of {sorted(_BLOCK_OF_STRIDE)}, got {strides}'
            )
        if weights is not None and init_cfg is not None:
            raise ValueError('give either weights or init_cfg, not both')
        if not -1 <= frozen_stages <= 4:
            raise ValueError(f'frozen_stages must lie in -1..4, got {frozen_stages}')
        self.weights = weights
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        make = _ConvFactory(norm_cfg, same_padding)
        channels = _round_channels(32 * widen_factor)
        layers: list[nn.Module] = [make.activated(3, channels, kernel=3, stride=2)]
        widths = [channels]
        for expansion, base, blocks, stride in _GROUPS:
            outputs = _round_channels(base * widen_factor)
            for block in range(blocks):
                layers.append(
                    InvertedResidual(
                        widths[-1], outputs, stride if block == 0 else 1, expansion, make
                    )
                )
                widths.append(outputs)
        if expand_last:
            widths.append(_round_channels(_LAST_CHANNELS * max(1.0, widen_factor)))
            layers.append(make.activated(widths[-2], widths[-1]))
        ends = dict(_BLOCK_OF_STRIDE)
        if expand_last:
            ends[32] += 1
        self.out_indices = [ends[stride] for stride in strides]
        self.out_channels = [widths[index] for index in self.out_indices]
        self.features = nn.Sequential(*layers[: self.out_indices[-1] + 1])
        self._stage_ends = list(ends.values())
        self._freeze()

    def _frozen_layers(self) -> nn.Sequential:
        count = 0 if self.frozen_stages < 0 else self._stage_ends[self.frozen_stages] + 1
        return self.features[:count]

    def _freeze(self) -> None:
        self._frozen_layers().requires_grad_(False)

    def init_weights(self) -> None:
        """Load ``weights``, or draw random ones.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file belongs to another model or to another ``norm_cfg``.
        """
        if self.init_cfg is not None:
            super().init_weights()
            return
        self.is_init = True
        if self.weights is None:
            for module in self.features.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode='fan_out')
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)
            return
        path = require_weights_file(self.weights, 'an ImageNet MobileNetV2')
        self._load(read_state_dict(path), path)

    def _load(self, state: dict[str, Tensor], path: Path) -> None:
        own = self.state_dict()
        optional = {key for key in own if key.endswith('num_batches_tracked')}
        missing = sorted(own.keys() - state.keys() - optional)
        # The classifier and layers behind the last map that is returned are not needed.
        end = len(self.features)
        surplus = sorted(
            key
            for key in state.keys() - own.keys()
            if not key.startswith('classifier.') and int(key.split('.')[1]) < end
        )
        wrong = sorted(
            key for key in own.keys() & state.keys() if own[key].shape != state[key].shape
        )
        if missing or surplus or wrong:
            raise ValueError(
                f'{path} does not fit this MobileNetV2: {len(missing)} keys missing '
                f'{missing[:3]}, {len(surplus)} unexpected {surplus[:3]}, {len(wrong)} of another '
                f'shape {wrong[:3]}. Folded weights need norm_cfg=None, weights with batch norms '
                f"need norm_cfg=dict(type='BN')."
            )
        self.load_state_dict({key: state[key] for key in own if key in state}, strict=False)
        print_log(f'MobileNetV2: loaded {path}', logger='current')

    def train(self, mode: bool = True) -> 'MobileNetV2':
        """Switch to training, but for what is frozen."""
        super().train(mode)
        if mode:
            self._frozen_layers().eval()
            if self.norm_eval:
                for module in self.modules():
                    if isinstance(module, nn.modules.batchnorm._BatchNorm):
                        module.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            images: (N, 3, H, W).

        Returns:
            Per stride s (N, C, ceil(H / s), ceil(W / s)).
        """
        outputs = []
        x = images
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.out_indices:
                outputs.append(x)
        return tuple(outputs)
