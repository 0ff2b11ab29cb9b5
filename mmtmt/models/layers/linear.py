"""Linear layers over the many tokens of a feature map."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

MANY_TOKENS = 512  # below, the product is over before another form could gain anything


def token_linear(tokens: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`, in prediction on CPUs as the 1x1 convolution that it also is.

    PyTorch multiplies matrices on CPUs with MKL, which uses only a part of what processors of
    other makers can do, and copies the bias beforehand. Convolutions run in oneDNN, which has no
    preference and adds the bias on the way. Measured on two threads of an AMD EPYC: 9520 tokens
    from 256 to 1024 channels in 0.72 of the time, from 1024 to 256 in 0.60. With gradients the
    convolution is the slower one, so training keeps the product.

    Args:
        tokens: (N, L, C).
        weight: (D, C).
        bias: (D,).

    Returns:
        (N, L, D).
    """
    if not _gains_as_convolution(tokens):
        return F.linear(tokens, weight, bias)
    row = tokens.transpose(1, 2)[:, :, None]  # (N, C, 1, L), channels last without a copy
    return F.conv2d(row, weight[:, :, None, None], bias)[:, :, 0].transpose(1, 2)


def _gains_as_convolution(tokens: Tensor) -> bool:
    return (tokens.device.type == 'cpu' and tokens.dtype == torch.float32 and tokens.dim() == 3
            and tokens.shape[1] >= MANY_TOKENS and tokens.is_contiguous()
            and not torch.is_grad_enabled() and torch.get_num_threads() > 1
            and not torch.is_autocast_enabled('cpu'))


class TokenLinear(nn.Linear):
    """`nn.Linear` for inputs (N, L, C) of many tokens, see `token_linear`."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Multiply.

        Args:
            tokens: (N, L, C).

        Returns:
            (N, L, D).
        """
        return token_linear(tokens, self.weight, self.bias)


class TokenReLU(nn.ReLU):
    """`nn.ReLU` for what linear layers give out, in place in prediction alone.

    With gradients it would be no saving: autograd takes the output of `F.linear` for a view of a
    matrix, and copies its whole gradient twice where it was changed in place.
    """

    def forward(self, tokens: Tensor) -> Tensor:
        """Clamp below zero.

        Args:
            tokens: Changed in prediction.

        Returns:
            Of the same shape.
        """
        return F.relu(tokens, inplace=not torch.is_grad_enabled())


def add_tokens(product: Tensor, tokens: Tensor) -> Tensor:
    """Sum of what a linear layer gave out and its residual, in place where `TokenReLU` is.

    Args:
        product: (N, L, C), changed in prediction.
        tokens: (N, L, C).

    Returns:
        (N, L, C).
    """
    return product + tokens if torch.is_grad_enabled() else product.add_(tokens)
