"""Finding misspelt names in a config before anything is built."""

import contextlib
import difflib
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine import registry as _mmengine
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner

from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.engine.checkpoint import CheckpointError
from mmtmt.structures.images import FrameError


class ConfigError(ValueError):
    """A mistake in a config or in the arguments of a tool."""


# Keys that mmengine takes out before it builds the class.
_TAKEN_OUT = {'type', '_scope_', '_delete_', 'priority', 'constructor', 'paramwise_cfg', 'round_up'}
# Dicts whose keys are names that the user gives: datasets, or parts of names of parameters.
_FREE_NAMES = {'ann_files', 'train_files', 'custom_keys'}
_SIMILAR = 0.8
# Names at the top of a config are the user's own too, such as train_sets beside train_cfg.
_SIMILAR_AT_TOP = 0.85
# Keys at the top that our runner and tools read, beside those of mmengine's Runner.
_TOP = {
    'find_unused_parameters',
    'strict_load',
    'allow_unexpected',
    'runner_type',
    'auto_scale_lr',
    'custom_imports',
}
# Dicts without a type that mmengine reads key by key: what is not known there is passed over.
_UNTYPED = {
    'default_hooks': {
        *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'),
        'visualization',
    },
    'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
    'randomness': {'seed', 'diff_rank_seed', 'deterministic'},
    'optim_wrapper.clip_grad': {
        *('type', 'max_norm', 'norm_type', 'error_if_nonfinite', 'foreach', 'clip_value'),
    },
    'optim_wrapper.paramwise_cfg': {
        *('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'flat_decay_mult'),
        *('dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'),
    },
}


@contextlib.contextmanager
def config_mistakes() -> Iterator[None]:
    """Within this context something is built from a config: wrong values in it are named as such.

    Raises:
        ConfigError: In place of the ValueError of a constructor, of an argument that it doesn't
            take or lacks, of a type that no registry knows, and of an assertion with a message.
            Errors that tell of files keep their class.
    """
    try:
        yield
    except (ConfigError, CheckpointError, AnnotationError, FrameError, UnicodeError):
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except AssertionError as error:  # so mmengine tells of values of another type
        if not error.args:
            raise
        raise ConfigError(str(error)) from error
    except TypeError as error:
        if not re.search(r'unexpected keyword argument|required (keyword|positional)', str(error)):
            raise
        raise ConfigError(str(error).replace('.__init__()', '')) from error
    except KeyError as error:
        message = str(error.args[0]) if error.args else ''
        if 'is not in the' not in message:
            raise
        raise ConfigError(message.partition('. Please')[0]) from error


def check_config(cfg: Config | Mapping) -> None:
    """Look for names, types and arguments that resemble a known one without being one.

    Only near misses are reported, with where they stand; whatever else is wrong, building the
    object reports.

    Args:
        cfg: The whole config.

    Raises:
        ConfigError: A ``type`` that no registry knows, an argument that its class doesn't take,
            or a key that nobody reads, each with the names that come close.
    """
    cfg = _as_dict(cfg)
    _check_keys(cfg)
    default_scope = cfg.get('default_scope', 'mmtmt')
    names = known_names(default_scope)
    for where, node in _typed_dicts(cfg, ''):
        name = node['type']
        short = name.split('.')[-1]
        if short not in names:
            names = known_names(default_scope, 'mmdet')
        scope = name.split('.')[0] if '.' in name else None
        if short in names:
            _check_arguments(where, node, names[short])
        elif scope in (None, 'mmtmt', 'mmdet', 'mmengine'):
            _raise_if_close(f'{where}.type', name, short, names)


def check_model_config(cfg: Config | Mapping) -> None:
    """Look for misspelt names, see `check_config`, and for the model.

    Args:
        cfg: A config that a model is to be built from.

    Raises:
        ConfigError: A name is misspelt, or there is no model.
    """
    check_config(cfg)
    if not cfg.get('model'):
        raise ConfigError('model: expected the config of a model, got none')


def known_names(*scopes: str) -> dict[str, list]:
    """List everything that is registered in mmengine and in some packages.

    Args:
        *scopes: Names of packages; everything that they register is imported.

    Returns:
        Name -> the objects of that name.
    """
    names: dict[str, list] = {}
    for scope in scopes:
        importlib.import_module(f'{scope}.registry')
    roots = [value for value in vars(_mmengine).values() if isinstance(value, Registry)]
    for root in roots:
        children = root.children
        for scope in scopes:
            if scope in children:
                children[scope].import_from_location()
        for registry in (root, *children.values()):
            for name, item in registry.module_dict.items():
                names.setdefault(name, []).append(item)
    return names


def check_overrides(cfg: Config | Mapping, options: Mapping[str, Any]) -> None:
    """Look for misspelt keys of ``--cfg-options``, which would otherwise just add an entry.

    Args:
        cfg: The config before the options are merged.
        options: Dotted key -> value.

    Raises:
        ConfigError: A key that is not there but resembles one that is.
    """
    cfg = _as_dict(cfg)
    for dotted in options:
        node, path = cfg, []
        for key in dotted.split('.'):
            if isinstance(node, Sequence) and not isinstance(node, str) and key.isdigit():
                node = node[int(key)] if int(key) < len(node) else None
            elif isinstance(node, Mapping) and key in node:
                node = node[key]
            elif isinstance(node, Mapping):
                siblings = set(node) | (_runner_keys() if not path else set())
                free = bool(path) and path[-1] in _FREE_NAMES
                if key not in siblings and not free:
                    _raise_if_close(f'--cfg-options {dotted}', key, key, siblings)
                break
            else:
                break
            path.append(key)


def _runner_keys() -> set[str]:
    return {*inspect.signature(Runner).parameters, *_TOP}


def _check_keys(cfg: Mapping) -> None:
    """Look at keys that nobody would miss: at the top, and in dicts without a type."""
    known = _runner_keys()
    for key in cfg:
        if key not in known:
            _raise_if_close(key, key, key, known, _SIMILAR_AT_TOP)
    for where, accepted in _UNTYPED.items():
        node: Any = cfg
        for name in where.split('.'):
            node = node.get(name) if isinstance(node, Mapping) else None
        for key in node if isinstance(node, Mapping) else ():
            if key not in accepted:
                _raise_if_close(f'{where}.{key}', key, key, accepted)


def _as_dict(cfg: Config | Mapping) -> dict:
    return cfg.to_dict() if hasattr(cfg, 'to_dict') else dict(cfg)


def _typed_dicts(node: Any, where: str) -> Iterator[tuple[str, Mapping]]:
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            yield where.lstrip('.') or 'config', node
        for key, value in node.items():
            yield from _typed_dicts(value, f'{where}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _typed_dicts(value, f'{where}[{index}]')


def _check_arguments(where: str, node: Mapping, candidates: list) -> None:
    accepted: set[str] = set()
    for candidate in candidates:
        try:
            parameters = _parameters(candidate)
        except (TypeError, ValueError):  # compiled classes have no signature
            return
        if parameters is None:
            return
        accepted |= parameters
    for key in node:
        if key not in accepted and key not in _TAKEN_OUT:
            _raise_if_close(f'{where}.{key}', key, key, accepted)


def _parameters(candidate: Any) -> set[str] | None:
    """Names that a class takes, through ``**kwargs`` of its bases; None when anything goes."""
    if not inspect.isclass(candidate):
        parameters = inspect.signature(candidate).parameters.values()
        return (
            None
            if any(p.kind is p.VAR_KEYWORD for p in parameters)
            else {p.name for p in parameters}
        )
    accepted: set[str] = set()
    for base in candidate.__mro__:
        if '__init__' not in vars(base) or base is object:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        accepted |= {p.name for p in parameters}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return accepted
    return None


def _raise_if_close(
    where: str, name: str, short: str, known: Any, similar: float = _SIMILAR
) -> None:
    close = difflib.get_close_matches(short, list(known), n=3, cutoff=similar)
    if close:
        raise ConfigError(f'{where}: "{name}" is not known; did you mean {" or ".join(close)}?')
