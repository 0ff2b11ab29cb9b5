"""Reading and writing checkpoints.

What we write holds plain data only, so that it loads with ``torch.load(weights_only=True)``, and
it replaces the previous file in one step: a kill or a full disk in the middle leaves that one as it
was. A foreign file that needs more than plain data is refused unless the caller trusts it.
Importing this module gives mmengine's checkpoint loader (``load_from``, ``init_cfg``) the same
behaviour.
"""

import contextlib
import functools
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmtmt.engine.plain_data import to_plain
from mmtmt.structures.atomic import replacing

CONVERTER = 'tools/model_converters/official_to_mmtmt.py'
_trusting = False


class CheckpointError(ValueError):
    """A file that is no checkpoint, not one of this model, or has to be trusted first."""


def save_checkpoint(checkpoint: dict, path: str | os.PathLike) -> None:
    """Write a checkpoint so that ``path`` holds either the previous file or the whole new one.

    Args:
        checkpoint: Nested plain data; see :func:`mmtmt.engine.plain_data.to_plain`.
        path: Where to write.

    Raises:
        TypeError: Something is no plain data.
        OSError: It could not be written, for want of space say; ``path`` is unchanged.
    """
    path = Path(path)
    plain = to_plain(checkpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as file:
            torch.save(plain, file)
    except (OSError, RuntimeError) as error:  # PyTorch's zip writer turns OSError into RuntimeError
        kept = (
            'the previous file of that name is intact' if path.exists() else 'nothing was written'
        )
        raise OSError(f'could not write {path}: {error}; {kept}') from error


def find_latest_checkpoint(folder: str | os.PathLike) -> Path | str | None:
    """Find what to resume from.

    Args:
        folder: A work directory.

    Returns:
        The file that ``last_checkpoint`` names, if it is there, or the address, if it names one;
        else the newest ``iter_*.pth`` or ``epoch_*.pth``: the name may be lost by a kill, or the
        folder may have been moved.
    """
    folder = Path(folder)
    note = folder / 'last_checkpoint'
    if note.is_file():
        name = note.read_text().strip()
        if '://' in name:
            return name
        for named in (Path(name), folder / Path(name).name):
            if named.is_file():
                return named
    found = [path for kind in ('iter', 'epoch') for path in folder.glob(f'{kind}_*.pth')]
    return max(found, key=_age, default=None)


def _age(path: Path) -> tuple[float, int]:
    number = path.stem.rpartition('_')[-1]
    return path.stat().st_mtime, int(number) if number.isdigit() else -1


def remove_unfinished(folder: str | os.PathLike) -> None:
    """Delete the temporary files that a killed save left in a folder.

    Args:
        folder: The folder of the checkpoints.
    """
    for path in Path(folder).glob('.*.pth.*.tmp'):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def trusted_checkpoints(trust: bool = True) -> Iterator[None]:
    """Within this context, files that need more than plain data are unpickled.

    Args:
        trust: False leaves everything as it was.
    """
    global _trusting
    before, _trusting = _trusting, _trusting or trust
    try:
        yield
    finally:
        _trusting = before


def load_checkpoint_file(
    path: str | os.PathLike, trust: bool = False, map_location: Any = 'cpu'
) -> dict:
    """Read a checkpoint.

    Args:
        path: A ``.pth`` file, or ``.safetensors`` with weights alone.
        trust: Allow code in the file to run when plain data is not enough.
        map_location: As in :func:`torch.load`.

    Returns:
        The stored dict; ``{'state_dict': …}`` for safetensors.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is no checkpoint, is damaged, or needs ``trust``.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    if path.suffix == '.pkl':
        raise CheckpointError(
            f'{path} is a checkpoint of detectron2; convert it with {CONVERTER} first'
        )
    if path.suffix == '.safetensors':
        return {'state_dict': _read_safetensors(path, map_location)}
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        if not (trust or _trusting):
            raise CheckpointError(_refusal(path, error)) from error
        print_log(f'unpickling {path}, as it is trusted', 'current', logging.WARNING)
        checkpoint = torch.load(path, map_location=map_location, weights_only=False)
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:  # bytes that are no checkpoint end an unpickler in any way
        raise CheckpointError(f'{path} is damaged or no checkpoint: {error!r}') from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'{path} holds a {type(checkpoint).__name__}, expected a dict')
    return checkpoint


def _read_safetensors(path: Path, map_location: Any) -> dict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device=str(map_location or 'cpu'))
    except SafetensorError as error:
        raise CheckpointError(f'{path} is damaged or no checkpoint: {error!r}') from error


def _refusal(path: Path, error: Exception) -> str:
    try:
        needs = ', '.join(torch.serialization.get_unsafe_globals_in_checkpoint(path)[:5])
    except (AttributeError, RuntimeError, ValueError):  # an older torch, or no zip file
        needs = str(error).splitlines()[0]
    return (
        f'{path} holds more than plain data ({needs}), and reading it can run code. If you trust '
        'its source, pass --trust-checkpoint'
    )


def load_local(filename: str, map_location: Any = None) -> dict:
    """mmengine's loader of local files, replaced by :func:`load_checkpoint_file`.

    Args:
        filename: Path of the checkpoint.
        map_location: As in :func:`torch.load`.

    Returns:
        The checkpoint.
    """
    return load_checkpoint_file(filename, map_location=map_location)


def load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True
) -> dict:
    """What mmengine downloads checkpoints with, replaced by :func:`load_checkpoint_file`.

    Args:
        url: Where the checkpoint lies; a file that was downloaded before is taken as it is.
        model_dir: Folder for the file; PyTorch's by default.
        map_location: As in :func:`torch.load`.
        progress: Whether to show a bar.

    Returns:
        The checkpoint.
    """
    folder = Path(model_dir or _download_folder())
    path = folder / Path(urlparse(url).path).name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=progress)
    return load_checkpoint_file(path, map_location=map_location)


def _download_folder() -> Path:
    return Path(torch.hub.get_dir()) / 'checkpoints'


def _explain_offline(loader: Callable) -> Callable:
    """Let a failed download say what to do without a network."""

    @functools.wraps(loader)
    def load(filename: str, map_location: Any = None, **kwargs: Any) -> dict:
        try:
            return loader(filename, map_location=map_location, **kwargs)
        except URLError as error:
            raise CheckpointError(
                f'could not download {filename} ({error.reason}). Fetch it elsewhere and put it '
                f'into {_download_folder()}, or give its path in the config: '
                'init_cfg=dict(type="Pretrained", checkpoint=PATH); init_cfg=None starts from '
                'random weights'
            ) from error

    return load


CheckpointLoader.register_scheme('', load_local, force=True)
# all loaders of URLs come down to it
mmengine_checkpoint.load_url = load_url
for _prefix, _loader in list(CheckpointLoader._schemes.items()):
    if _prefix.startswith(('http', 'torchvision:', 'modelzoo:', 'open-mmlab:', 'openmmlab:')):
        CheckpointLoader.register_scheme(_prefix, _explain_offline(_loader), force=True)
