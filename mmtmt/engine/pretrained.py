"""Files that parts of a model take their first weights from: whether they are of that part."""

from collections.abc import Mapping

from mmengine.runner import CheckpointLoader
from torch import nn

from mmtmt.engine.checkpoint import CheckpointError


def check_pretrained(model: nn.Module) -> None:
    """Refuse files of ``init_cfg=dict(type='Pretrained')`` that have nothing for their module.

    mmengine warns of what is missing in such a file and goes on; where all of it is, the module
    would be trained from random weights.

    Args:
        model: A model whose weights were initialised.

    Raises:
        CheckpointError: If a file has no entry of the module that names it.
    """
    for name, module in model.named_modules():
        options = getattr(module, 'init_cfg', None) or ()
        for option in [options] if isinstance(options, Mapping) else options:
            if option.get('type') == 'Pretrained' and not _fits(module, option):
                raise CheckpointError(
                    f'model.{name}: {option["checkpoint"]} has no weights of a '
                    f'{type(module).__name__}'
                )


def _fits(module: nn.Module, option: Mapping) -> bool:
    checkpoint = CheckpointLoader.load_checkpoint(option['checkpoint'], map_location='cpu')
    names = checkpoint.get('state_dict', checkpoint)
    prefix = (option.get('prefix') or '').rstrip('.')
    own = {f'{prefix}.{key}' if prefix else key for key in module.state_dict()}
    return any(key.removeprefix('module.') in own for key in names)
