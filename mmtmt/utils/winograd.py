"""3x3 convolutions on CPUs by Winograd's algorithm (Lavin and Gray, arXiv 1509.09308)."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_weight

# NNPACK's transformation of the weights takes longer than it saves below so many pixels a channel.
_PIXELS_PER_CHANNEL = 2


class WinogradConv2d(nn.Conv2d):
    """A convolution of 3x3 pixels, without stride, that needs fewer products on a CPU.

    NNPACK, a part of PyTorch, computes it by Winograd's algorithm, which oneDNN has with AVX-512
    alone: on an EPYC with AVX2 in a third to two thirds of the time. The result differs in the last
    digits. What is not float32 on the CPU, or too small to gain, takes the usual way.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C_out, H, W).
        """
        fits = (
            x.device.type == 'cpu' and x.dtype == self.weight.dtype == torch.float32
            and x.shape[0] > 0 and not torch.is_autocast_enabled('cpu')
            and x.shape[2] * x.shape[3] >= _PIXELS_PER_CHANNEL * max(self.weight.shape[:2])
            and torch._nnpack_available())  # in a new process the question also prepares it
        return _Winograd.apply(x, self.weight, self.bias) if fits else super().forward(x)


class _Winograd(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolve(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _convolve(grad, weight.flip(2, 3).transpose(0, 1), None) if of_x else None,
            conv2d_weight(x, weight.shape, grad, padding=1) if of_weight else None,
            grad.sum((0, 2, 3)) if of_bias else None,
        )


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    weight = weight.contiguous()
    # image by image: NNPACK takes longer for several at once
    images = [torch._nnpack_spatial_convolution(image.contiguous(), weight, bias, 1)
              for image in x.split(1)]
    return images[0] if len(images) == 1 else torch.cat(images)


def use_winograd(model: nn.Module) -> int:
    """Turn the convolutions of a model that it is for into `WinogradConv2d`, in place.

    Nothing happens where it was not seen to be faster: on CPUs with AVX-512 or without AVX2, in
    builds of PyTorch without NNPACK, or with MMTMT_WINOGRAD=0 in the environment.

    Args:
        model: Any. Its parameters and their names stay the same.

    Returns:
        How many convolutions were turned.
    """
    if (not torch._nnpack_available() or torch.backends.cpu.get_cpu_capability() != 'AVX2'
            or os.environ.get('MMTMT_WINOGRAD') == '0'):
        return 0
    fitting = [module for module in model.modules() if _fits(module)]
    for module in fitting:
        module.__class__ = WinogradConv2d
    return len(fitting)


def _fits(module: nn.Module) -> bool:
    # exactly this class: others have a forward of their own
    return type(module) is nn.Conv2d and (
        module.kernel_size == (3, 3) and module.stride == module.dilation == (1, 1)
        and module.padding == (1, 1) and module.groups == 1 and module.padding_mode == 'zeros')
