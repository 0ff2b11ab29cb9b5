"""Finds what a program would do wrong with a device, on a machine that has none."""
from unittest.mock import patch

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
MAKERS = (torch.arange, torch.as_tensor, torch.empty, torch.eye, torch.full, torch.linspace,
          torch.ones, torch.rand, torch.randint, torch.randn, torch.randperm,
          torch.tensor, torch.zeros)
CPU, DEVICE = torch.device('cpu'), torch.device('cuda', 0)
# what takes tensors of both places
MOVERS = (Tensor.to, Tensor.copy_, Tensor.type_as, Tensor.new_tensor, torch.as_tensor)


class OnHost(Tensor):
    """What was copied to the CPU or made there, and whatever comes of it there."""


class PretendedDevice(TorchFunctionMode):
    """Looks at each call as if the model and its inputs lay on a device.

    Attributes:
        reads: Names of the functions that read a tensor of the device, in order.
        mixed: Those that would fail, since they take tensors of both places.
        copies: Those that copy to the device and wait until it has done all before.
    """

    def __init__(self):
        super().__init__()
        self.reads = []
        self.mixed = []
        self.copies = []
        # the one maker that modes are not asked about
        from_numpy = torch.from_numpy
        self._patch = patch.object(
            torch, 'from_numpy', lambda array: from_numpy(array).as_subclass(OnHost))

    def __enter__(self):
        self._patch.start()
        return super().__enter__()

    def __exit__(self, *error):
        self._patch.stop()
        return super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func == Tensor.device.__get__:
            return CPU if isinstance(args[0], OnHost) else DEVICE
        leaves = tree_leaves((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        moved = any(isinstance(leaf, torch.device) and leaf == DEVICE for leaf in leaves)
        if moved:
            args, kwargs = tree_map_only(torch.device, lambda device: CPU, (args, kwargs))
        on_device = any(not isinstance(tensor, OnHost) for tensor in tensors)
        name = READS.get(func)
        if func in INDEXING and any(index.dtype == torch.bool for index in tensors[1:]):
            name = 'mask as index'
        if name and on_device:
            self.reads.append(name)
        # single numbers of the host and positions in a tensor may lie anywhere
        on_host = any(isinstance(tensor, OnHost) and tensor.dim() for tensor in tensors)
        if on_device and on_host and func not in (*MOVERS, *INDEXING):
            self.mixed.append(getattr(func, '__name__', str(func)))
        from_host = func is Tensor.to and isinstance(args[0], OnHost) and (moved or on_device)
        if (func is Tensor.new_tensor and on_device
                or moved and func in (torch.tensor, torch.as_tensor)
                or from_host and not kwargs.get('non_blocking')):
            self.copies.append(func.__name__)
        value = func(*args, **kwargs)
        if func is Tensor.cpu or func in MAKERS and not moved:
            return value.as_subclass(OnHost)
        if (on_device or moved) and (isinstance(value, Tensor) or type(value) in (list, tuple)):
            return tree_map_only(OnHost, lambda part: part.as_subclass(Tensor), value)
        return value
