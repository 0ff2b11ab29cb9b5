"""Small tensors between the device and the CPU, many in one copy."""
from collections.abc import Sequence

import torch
from torch import Tensor


def to_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Copy tensors to the CPU at once: each copy waits for all that the device has to do.

    Args:
        tensors: Of one dtype, any shapes.

    Returns:
        Their copies, parts of one tensor; nothing is copied where all are empty.
    """
    if not any(tensor.numel() for tensor in tensors):
        return [torch.empty(tensor.shape, dtype=tensor.dtype) for tensor in tensors]
    return _split(torch.cat([tensor.flatten() for tensor in tensors]).cpu(), tensors)


def to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Copy tensors from the CPU to a device at once.

    Args:
        tensors: Of one dtype, any shapes.
        device: Where to.

    Returns:
        Their copies, parts of one tensor.
    """
    if not tensors:
        return []
    return _split(torch.cat([tensor.flatten() for tensor in tensors]).to(device), tensors)


def constant(numbers: Sequence, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A few numbers as a tensor, without waiting for all that the device has to do.

    Args:
        numbers: A list, or lists of lists of one length.
        like: Tells the device.
        dtype: That of `like` by default.

    Returns:
        Of the lists' shape.
    """
    # Only of CUDA it is known that it has taken such a copy in before it returns.
    return torch.tensor(numbers, dtype=dtype or like.dtype).to(
        like.device, non_blocking=like.device.type == 'cuda')


def _split(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    parts = flat.split([tensor.numel() for tensor in like])
    return [part.view(tensor.shape) for part, tensor in zip(parts, like)]
