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
