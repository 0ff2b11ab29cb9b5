"""Products that half precision would spoil."""
import torch
from torch import Tensor


def inner_products(rows: Tensor, columns: Tensor) -> Tensor:
    """Inner products of all pairs, in float32 also under autocast.

    Casting the operands alone doesn't do: autocast casts them back.

    Args:
        rows: (..., n, C).
        columns: (..., m, C).

    Returns:
        (..., n, m) float32.
    """
    with torch.autocast(rows.device.type, enabled=False):
        return rows.float() @ columns.float().transpose(-1, -2)
