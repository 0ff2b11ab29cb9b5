"""Weight files that the user has to provide."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmtmt.models.converters.checkpoint_reader import find_weights, normalise_weights


def require_weights_file(path: str, content: str) -> Path:
    """Check that a file of weights is there.

    Args:
        path: Where the config expects it.
        content: What it should hold, for the message.

    Returns:
        The path.

    Raises:
        FileNotFoundError: It isn't there; the message says what to put where.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f'no weights file at {file.absolute()}: put the weights of {content} there, change the '
            f'config option `weights`, or set it to None to start from random values'
        )
    return file


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read weights: arrays of NumPy, or with the loader of checkpoints, which knows what the user
    trusts.

    Args:
        path: An ``.npz``, or a file of PyTorch.

    Returns:
        Tensors by name, float32 where they are no whole numbers; of a checkpoint with other things
        its weights.

    Raises:
        ValueError: The file is damaged, has to be trusted first, or holds no named tensors.
    """
    try:
        if Path(path).suffix == '.npz':
            with np.load(path, allow_pickle=False) as arrays:
                return normalise_weights(dict(arrays))[0]
        checkpoint = CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
        return normalise_weights(find_weights(checkpoint))[0]
    except (
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(f'cannot read weights from {path}: {error}') from error
