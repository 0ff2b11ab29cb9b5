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


def _split(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    parts = flat.split([tensor.numel() for tensor in like])
    return [part.view(tensor.shape) for part, tensor in zip(parts, like)]
