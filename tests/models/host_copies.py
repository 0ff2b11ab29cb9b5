"""Counts what would make a program wait for its device, on a machine that has none."""
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

# what reads the numbers of a tensor into Python, NumPy or the shape of another
READS = {
    getattr(Tensor, name): name
    for name in ('cpu', 'numpy', 'tolist', 'item', 'nonzero', 'unique', 'masked_select', '__bool__',
                 '__int__', '__float__', '__index__', '__array__', '__contains__')
}
READS.update({getattr(torch, name): name for name in ('nonzero', 'unique', 'masked_select')})
INDEXING = (Tensor.__getitem__, Tensor.__setitem__)
MAKERS = (torch.arange, torch.as_tensor, torch.empty, torch.from_numpy, torch.full, torch.ones,
          torch.rand, torch.randperm, torch.tensor, torch.zeros)


class OnHost(Tensor):
    """What was copied to the CPU or made there, and whatever comes of it there."""


class HostCopies(TorchFunctionMode):
    """Notes each read of a tensor as if the model and its inputs lay on a device.

    Attributes:
        reads: Names of the functions, in order.
    """

    def __init__(self):
        super().__init__()
        self.reads = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_device = any(not isinstance(tensor, OnHost) for tensor in tensors)
        name = READS.get(func)
        if func in INDEXING and any(index.dtype == torch.bool for index in tensors[1:]):
            name = 'mask as index'
        if name and on_device:
            self.reads.append(name)
        value = func(*args, **kwargs)
        if func is Tensor.cpu or func in MAKERS and kwargs.get('device') is None:
            return value.as_subclass(OnHost)
        moved = on_device or func is Tensor.to
        if moved and (isinstance(value, Tensor) or type(value) in (list, tuple)):
            return tree_map_only(OnHost, lambda part: part.as_subclass(Tensor), value)
        return value
