"""Read the weights of checkpoints that other projects wrote, without running what is in them."""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TRUST_FLAG = '--trust-checkpoint'
WEIGHT_ENTRIES = ('model', 'state_dict')

# What pickles of NumPy arrays name, under the module names of NumPy 1 and 2.
_NUMPY_GLOBALS = {
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
}
for _package in ('numpy.core', 'numpy._core'):
    _NUMPY_GLOBALS.update(
        {
            (f'{_package}.multiarray', '_reconstruct'): np._core.multiarray._reconstruct,
            (f'{_package}.multiarray', 'scalar'): np._core.multiarray.scalar,
            (f'{_package}.numeric', '_frombuffer'): np._core.numeric._frombuffer,
        }
    )


def _encode_latin1(text: str, encoding: str) -> bytes:
    """``_codecs.encode`` as Python 2's byte strings need it, and no other codec."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'the pickle asks for the codec {encoding!r}')
    return text.encode('latin1')


def _empty_bytes() -> bytes:
    """``bytes()`` of the pickle protocols before 3, which arrays without elements need."""
    return b''


_HARMLESS = {
    **_NUMPY_GLOBALS,
    ('_codecs', 'encode'): _encode_latin1,
    ('__builtin__', 'bytes'): _empty_bytes,
    ('collections', 'OrderedDict'): OrderedDict,  # of state dicts, with attributes
}


class NumPyUnpickler(pickle.Unpickler):
    """Builds dicts, lists, numbers, strings and NumPy arrays, and imports nothing.

    Args:
        file: A binary file.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding='latin1')

    def find_class(self, module: str, name: str) -> Any:
        """The few callables that a pickled array needs.

        Args:
            module: Module that the pickle names.
            name: What it wants from there.

        Returns:
            The callable.

        Raises:
            pickle.UnpicklingError: The pickle names anything else.
        """
        if (module, name) in _HARMLESS:
            return _HARMLESS[module, name]
        raise pickle.UnpicklingError(f'the pickle asks for {module}.{name}')


def read_checkpoint(path: str | Path, trust: bool = False) -> Any:
    """Read a ``.pkl`` of NumPy arrays or a ``.pth`` of PyTorch.

    Args:
        path: The file. A pickle is read by :class:`NumPyUnpickler`, all else by
            ``torch.load(weights_only=True)``.
        trust: Run whatever code the file asks for; for files of a known origin only.

    Returns:
        What the file holds, most often a dict.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file needs more than plain data, or is no checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no checkpoint at {path}')
    is_pickle = path.suffix == '.pkl' and not zipfile.is_zipfile(path)
    try:
        if not is_pickle:
            return torch.load(path, map_location='cpu', weights_only=not trust)
        with open(path, 'rb') as file:
            return pickle.load(file, encoding='latin1') if trust else NumPyUnpickler(file).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ArithmeticError,
        AttributeError,
        ImportError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # a damaged pickle may raise any of these
        hint = (
            ''
            if trust
            else (
                f' If it is complete and you trust whoever made it, pass '
                f'{TRUST_FLAG}: the file may then run any code.'
            )
        )
        raise ValueError(f'cannot read {path} as plain arrays: {error}.{hint}') from error


def find_weights(checkpoint: Any, entry: str | None = None) -> Mapping[str, Any]:
    """The state dict within a checkpoint.

    Args:
        checkpoint: What :func:`read_checkpoint` returned.
        entry: Name of the entry to take; by default the first of ``WEIGHT_ENTRIES`` that is there,
            or else the checkpoint itself.

    Returns:
        Arrays by name.

    Raises:
        ValueError: There is no such entry, or it isn't a dict of arrays.
    """
    if not isinstance(checkpoint, Mapping):
        raise ValueError(f'expected a dict in the checkpoint, got {type(checkpoint).__name__}')
    if entry is None:
        entry = next(
            (name for name in WEIGHT_ENTRIES if isinstance(checkpoint.get(name), Mapping)), None
        )
    elif entry not in checkpoint:
        raise ValueError(f'the checkpoint has no entry {entry!r}, but {sorted(checkpoint)}')
    weights = checkpoint if entry is None else checkpoint[entry]
    if not isinstance(weights, Mapping) or not any(_is_array(v) for v in weights.values()):
        raise ValueError(
            f"expected arrays by name in the checkpoint's "
            f'{"top level" if entry is None else repr(entry)}, got none'
        )
    return weights


def normalise_weights(weights: Mapping[str, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors of one floating type, without the prefixes of wrappers.

    Args:
        weights: NumPy arrays or tensors by name.

    Returns:
        The tensors (float16, bfloat16 and float64 become float32, whole numbers stay), and the
        names of entries that are no arrays.
    """
    state, others = {}, []
    for key, value in weights.items():
        if not _is_array(value):
            others.append(key)
            continue
        tensor = (
            value.detach().cpu()
            if isinstance(value, Tensor)
            else torch.from_numpy(np.array(value, order='C'))
        )
        while key.startswith('module.'):
            key = key[len('module.') :]
        state[key] = tensor.float() if tensor.is_floating_point() else tensor
    return state, others


def _is_array(value: Any) -> bool:
    if isinstance(value, Tensor):
        return True
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in 'fiub'
