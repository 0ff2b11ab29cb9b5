"""Lets the OpenMMLab packages run on current PyTorch without a compiler.

Every fix tries the real thing first and steps aside when it works. What was done is logged once.
:func:`install` runs when :mod:`mmtmt.registry` is imported, which comes before any import of mmdet.

- torchvision operators: a CUDA build of torchvision beside a CPU build of torch fails on import;
  the operators that it asks for are declared.
- ``mmcv._ext``: mmcv-lite, or mmcv built without operators, makes mmdet's imports fail. A stand-in
  brings NMS in NumPy and deformable attention in PyTorch; other operators raise a clear error.
- package look-up: after an editable install, or with setuptools 82 and later, mmengine doesn't find
  ``package::config``; the folder is then looked up by import.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# The operators that torchvision's Python side looks up while it is being imported.
_TORCHVISION_SCHEMAS = {
    'nms': 'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms': 'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
}
_keep_alive: list = []  # a torch.library.Library withdraws its declarations when it is collected


@functools.cache
def install() -> tuple[str, ...]:
    """Apply every fix that this environment needs; further calls do nothing.

    Returns:
        One sentence per fix that was applied; empty when everything works by itself.

    Raises:
        ImportError: mmcv is missing altogether.
    """
    fixes = (fix_torchvision, fix_mmcv_ext, fix_package_lookup)
    notes = tuple(note for note in (fix() for fix in fixes) if note)
    for note in notes:
        _log(note)
    return notes


def fix_torchvision() -> str | None:
    """Make torchvision importable where its compiled operators cannot be loaded.

    Returns:
        What was done, or None.
    """
    import torch

    try:
        importlib.import_module('torchvision')
        return None
    except ImportError:
        return None  # optional for us; whoever needs it gets the real error
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
        reason = str(error)
    for name in [name for name in sys.modules if name.split('.')[0] == 'torchvision']:
        del sys.modules[name]
    library = torch.library.Library('torchvision', 'FRAGMENT')
    for schema in _TORCHVISION_SCHEMAS.values():
        library.define(schema)
    _keep_alive.append(library)
    importlib.import_module('torchvision')
    return f'declared torchvision operators that its build for another torch lacks ({reason})'


def fix_mmcv_ext() -> str | None:
    """Put a stand-in in place of ``mmcv._ext`` when mmcv comes without compiled operators.

    Returns:
        What was done, or None.

    Raises:
        ImportError: mmcv is missing, with the ways to install it.
    """
    if 'mmcv._ext' in sys.modules:
        return None
    if importlib.util.find_spec('mmcv') is None:
        raise ImportError(
            "mmcv is not installed: `pip install 'mmtmt[lite]'` (no compiler needed) or "
            "`pip install 'mmtmt[full]'` (compiled operators)"
        )
    import torch  # noqa: F401  (the operators are linked to its libraries)

    try:
        importlib.import_module('mmcv._ext')
        return None
    except ModuleNotFoundError as error:
        if error.name != 'mmcv._ext':
            raise
        reason = 'mmcv has no compiled operators'
    except ImportError as error:  # built for another PyTorch
        reason = f'compiled operators of mmcv do not load ({error})'
    sys.modules['mmcv._ext'] = _OperatorStandIn()
    _prefer_pytorch_attention()
    return f'{reason}: NMS runs in NumPy, deformable attention in PyTorch'


def fix_package_lookup() -> None:
    """Let mmengine find configs of packages that ``pkg_resources`` cannot point to.

    mmengine expects a package below the folder that holds its metadata, which is not so after
    `pip install -e`; and setuptools 82 removed ``pkg_resources``. As the real look-up is slow to
    load, it is tried when it is called.
    """
    import mmengine.config.config
    import mmengine.hub.hub
    import mmengine.utils.package_utils as lookup

    installed, path = _installed(lookup.is_installed), _path(lookup.get_installed_path)
    for module in (lookup, mmengine.utils, mmengine.config.config, mmengine.hub.hub):
        for name, function in (('is_installed', installed), ('get_installed_path', path)):
            if hasattr(module, name):
                setattr(module, name, function)


def _installed(original: Callable[[str], bool]) -> Callable[[str], bool]:
    @functools.wraps(original)
    def is_installed(package: str) -> bool:
        try:
            return original(package)
        except ImportError as error:
            _log(f'looks for {package} by import: {error}')
            return _folder_of(package) is not None

    return is_installed


def _path(original: Callable[[str], str]) -> Callable[[str], str]:
    @functools.wraps(original)
    def get_installed_path(package: str) -> str:
        try:
            path = original(package)
            reason = f'{path} does not exist'
        except ImportError as error:
            path, reason = '', str(error)
        if os.path.isdir(path) or _folder_of(package) is None:
            return path
        _log(f'takes the folder of {package} from its import: {reason}')
        return _folder_of(package)

    return get_installed_path


def _folder_of(package: str) -> str | None:
    spec = importlib.util.find_spec(package)
    return os.path.dirname(spec.origin) if spec is not None and spec.origin else None


@functools.cache
def _log(note: str) -> None:
    """Log a note, the first time that it comes up."""
    from mmengine.logging import print_log

    print_log(f'compat: {note}', logger='current', level=logging.INFO)


class _OperatorStandIn(types.ModuleType):
    """Stands in for ``mmcv._ext``: any operator can be looked up, few can be called."""

    def __init__(self) -> None:
        super().__init__('mmcv._ext')
        # A spec without a loader: mmengine's environment report then says that there are no
        # compiled operators, which is the truth.
        self.__spec__ = ModuleSpec('mmcv._ext', None)
        self.nms = nms

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise RuntimeError(
                f'mmcv operator "{name}" is compiled code and this mmcv has none; '
                "`pip install 'mmtmt[full]'` in place of mmcv-lite brings it"
            )

        return missing


def _prefer_pytorch_attention() -> None:
    """Make mmcv's deformable attention take its PyTorch path on CUDA tensors too."""
    import torch

    if torch.cuda.is_available():  # elsewhere mmcv takes that path by itself
        attention = importlib.import_module('mmcv.ops.multi_scale_deform_attn')
        attention.IS_CUDA_AVAILABLE = False


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Greedy non-maximum suppression with the signature of mmcv's compiled operator.

    Args:
        boxes: Tensor (N, 4), corners (x1, y1, x2, y2).
        scores: Tensor (N,); ties keep the input order.
        iou_threshold: A box is dropped when it overlaps a kept one by more than this.
        offset: Added to width and height, 1 where boxes count pixels inclusively.

    Returns:
        int64 tensor of the kept indices, highest score first.
    """
    import torch

    order = scores.argsort(descending=True, stable=True)
    corners = boxes[order].detach().double().cpu().numpy()
    area = np.prod(corners[:, 2:] - corners[:, :2] + offset, axis=1)
    alive = np.ones(len(corners), dtype=bool)
    for index in range(len(corners)):
        if not alive[index]:
            continue
        rest = np.flatnonzero(alive[index + 1 :]) + index + 1
        top_left = np.maximum(corners[rest, :2], corners[index, :2])
        bottom_right = np.minimum(corners[rest, 2:], corners[index, 2:])
        overlap = np.prod(np.clip(bottom_right - top_left + offset, 0, None), axis=1)
        union = area[rest] + area[index] - overlap
        alive[rest[overlap > iou_threshold * union]] = False
    return order[torch.from_numpy(alive).to(order.device)]
