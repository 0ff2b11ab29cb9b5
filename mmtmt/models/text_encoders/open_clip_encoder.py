"""Text towers of open_clip: CLIP and its relatives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
import torch

from mmtmt import registry  # noqa: F401  (repairs torchvision, which open_clip imports)
from mmtmt.models.text_encoders.base import EncoderError

BATCH = 256
PATIENCE = 5.0  # seconds
HUB_NAMES = ('open_clip_model.safetensors', 'open_clip_pytorch_model.bin')
CONFIG = 'open_clip_config.json'


class OpenClipEncoder:
    """A text tower of open_clip.

    Args:
        model: An architecture of open_clip, as ``'RN50'``.
        tag: Its weights, as ``'openai'``; ``open_clip.list_pretrained()`` names them all.
        weights: Where the weights lie: a file, or a folder with ``open_clip_config.json`` and the
            weights as the Hugging Face hub has them. None looks in the hub's cache, and downloads
            what is missing there.
        device: Where to run.

    Raises:
        EncoderError: If the weights can't be had or don't fit, with what to download where.
    """

    def __init__(
        self,
        model: str,
        tag: str,
        weights: str | Path | None = None,
        device: str | torch.device = 'cpu',
    ) -> None:
        self.model, self.tag = model, tag
        self.name = f'open_clip {model} {tag}'
        self.device = torch.device(device)
        architecture, options = _source(model, tag, weights)
        import open_clip

        previous = logging.root.manager.disable
        logging.disable(logging.WARNING)  # open_clip and the hub log every step and every retry
        try:
            clip = open_clip.create_model(
                architecture, precision='fp32', require_pretrained=True, **options
            )
            self._tokenizer = open_clip.get_tokenizer(architecture)
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            raise EncoderError(_explanation(self.name, tag, weights, error)) from error
        except Exception as error:  # bytes that are no checkpoint end an unpickler in any way
            if weights is None:
                raise
            raise EncoderError(_explanation(self.name, tag, weights, error)) from error
        finally:
            logging.disable(previous)
        clip.visual = None  # a third of the memory and more
        self._clip = clip.eval().requires_grad_(False).to(self.device)

    @torch.no_grad()
    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Embed sentences.

        Args:
            sentences: N sentences.

        Returns:
            float32 (N, d), unit rows.
        """
        rows = [
            self._clip.encode_text(
                self._tokenizer(list(sentences[start : start + BATCH])).to(self.device),
                normalize=True,
            )
            for start in range(0, len(sentences), BATCH)
        ]
        return torch.cat(rows).float().cpu().numpy()


def _source(model: str, tag: str, weights: str | Path | None) -> tuple[str, dict[str, Any]]:
    """What open_clip is to build: an architecture by name or folder, and options."""
    from open_clip import list_models
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    if weights is not None:
        path = Path(weights)
        if path.is_dir():
            if not (path / CONFIG).is_file():
                raise EncoderError(f'{path}: a folder with weights of open_clip holds {CONFIG}')
            return f'local-dir:{path}', {}
        if not path.is_file():
            raise EncoderError(f'weights {path} do not exist')
    if model not in list_models():
        raise EncoderError(
            f'open_clip knows no model {model!r}; it knows RN50, ViT-B-32 and others: '
            'python -c "import open_clip; print(open_clip.list_models())"'
        )
    known = get_pretrained_cfg(model, tag)
    if weights is None and known:
        # open_clip and the hub try for a minute before they give up.
        weights = _cached(known, tag)
        if weights is None and not _is_reachable(_server(known)):
            raise EncoderError(_where_to_get(model, tag, f'{_server(known)} does not answer'))
    if weights is None and not known:
        tags = ', '.join(list_pretrained_tags_by_model(model))
        raise EncoderError(f'open_clip knows no weights {tag!r} of {model!r}, but {tags}')
    # OpenAI's weights were trained with another activation than open_clip's models have by default.
    options = {'force_quick_gelu': bool(known.get('quick_gelu', False))}
    return model, {**options, 'pretrained': tag if weights is None else str(weights)}


def _cached(known: Mapping[str, Any], tag: str) -> str | None:
    """What open_clip needs for weights that it has downloaded before: their file, or their tag."""
    if not known.get('hf_hub'):
        path = Path('~/.cache/clip').expanduser() / known.get('url', '').rpartition('/')[2]
        return tag if path.is_file() else None  # open_clip looks there too, and checks the file
    from huggingface_hub import try_to_load_from_cache

    repository, _, name = known['hf_hub'].rpartition('/')
    for candidate in (str(Path(name).with_suffix('.safetensors')), name) if name else HUB_NAMES:
        found = try_to_load_from_cache(repository, candidate)
        if isinstance(found, str):
            return found
    return None


def _server(known: Mapping[str, Any]) -> str:
    """The server that open_clip would ask for weights."""
    if not known.get('hf_hub'):
        parts = urlsplit(known.get('url', ''))
        return f'{parts.scheme}://{parts.netloc}'
    from huggingface_hub import constants

    return constants.ENDPOINT


def _is_reachable(server: str) -> bool:
    """Whether a server answers within a few seconds."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def ask() -> None:
        try:
            urlopen(Request(server, method='HEAD'), timeout=PATIENCE).close()
        except HTTPError:
            pass
        except (OSError, ValueError):
            return
        answered.set()

    # A thread, since looking up a name can take longer than any time limit of the connection.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answered.is_set()


def _explanation(name: str, tag: str, weights: str | Path | None, error: Exception) -> str:
    reason = str(error).strip().split('\n')[0][:300]
    if weights is not None:
        return f'the weights {weights} are not those of {name}: {reason}'
    return _where_to_get(name.split()[1], tag, reason)


def _where_to_get(model: str, tag: str, reason: str) -> str:
    """What to download, and where to put it."""
    from open_clip.pretrained import get_pretrained_cfg

    known = get_pretrained_cfg(model, tag)
    hub = known.get('hf_hub', '').rstrip('/')
    where = f'https://huggingface.co/{hub} (all files)' if hub else known.get('url', 'its authors')
    return (
        f'the weights of open_clip {model} {tag} are not in the cache and could not be downloaded '
        f'({reason}). Get them elsewhere from {where}, put them into a folder, and name it: '
        '--weights FOLDER, in a config model.text_bank.encoder_weights=FOLDER'
    )
