"""From a foreign checkpoint to this package's, whatever layout it has."""

from typing import Any

from torch import Tensor

from .architecture import infer_architecture, infer_backbone
from .checkpoint_reader import find_weights, normalise_weights
from .idol import SOURCE, convert_idol, infer_idol
from .key_table import Conversion
from .mmdet_layout import MMDET_HEADS, convert_mmdet
from .official import convert_official
from .report import ConversionReport, compare_with, model_state_of

_CONVERTERS = {'official': convert_official, 'mmdet': convert_mmdet, 'idol': convert_idol}
LAYOUTS = tuple(_CONVERTERS)


def detect_layout(state: dict[str, Tensor]) -> str:
    """Which project's key names a state dict has.

    Args:
        state: Tensors by name.

    Returns:
        One of `LAYOUTS`.

    Raises:
        ValueError: It is this package's own, which needs no conversion.
    """
    if any(key.startswith(MMDET_HEADS) for key in state):
        return 'mmdet'
    if any(key.startswith(SOURCE) for key in state):
        return 'idol'
    if any(key.startswith('decoder.') for key in state):
        raise ValueError(
            "the checkpoint has this package's names already, such as "
            f'{next(key for key in state if key.startswith("decoder."))!r}'
        )
    return 'official'


def convert_checkpoint(
    checkpoint: Any, entry: str | None = None, layout: str | None = None
) -> Conversion:
    """Convert what a file of another project holds.

    Args:
        checkpoint: What :func:`read_checkpoint` returned.
        entry: Entry with the weights, see :func:`find_weights`.
        layout: One of ``LAYOUTS``; found out unless given.

    Returns:
        The conversion; entries that are no arrays count as unexpected.

    Raises:
        ValueError: No weights, or none that could be converted.
    """
    state, others = normalise_weights(find_weights(checkpoint, entry))
    layout = layout or detect_layout(state)
    conversion = _CONVERTERS[layout](state)
    if not conversion.sources:
        raise ValueError(
            f'none of the {len(state)} keys belongs to a model of the {layout} '
            f'layout; the first are {sorted(state)[:3]}'
        )
    conversion.unexpected += others
    return conversion


def report_on(
    conversion: Conversion, model_state: dict[str, Tensor] | None = None, against: str = ''
) -> ConversionReport:
    """Compare a conversion with a model, or with the model that its shapes imply.

    Args:
        conversion: The converted tensors.
        model_state: State dict of the model to compare with; None for the implied one, which
            finds holes (a layer without its bias) but no wrong sizes.
        against: Name of the model, for the report.

    Returns:
        The report.
    """
    if model_state is None:
        state = conversion.state
        if 'query_embedding.weight' in state:
            return compare_with(conversion, _idol_state(state), 'the model it implies (IDOL)')
        whole = any(key.startswith(('backbone.', 'pixel_decoder.', 'decoder.')) for key in state)
        configs = infer_architecture(state) if whole else {'': infer_backbone(state)}
        names = ', '.join(config['type'] for config in configs.values())
        return compare_with(conversion, model_state_of(configs), f'the model it implies ({names})')
    return compare_with(conversion, plain_decoder_keys(model_state), against)


def _idol_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """State dict, with random values, of the IDOL that a converted state dict implies."""
    from mmtmt.registry import MODELS

    names = [str(row) for row in range(len(state['bbox_head.cls_branches.0.weight']))]
    taxonomy = dict(vocabularies=[dict(name='rows', names=names)], aliases='strict')
    model = MODELS.build(dict(type='mmtmt.IDOL', taxonomy=taxonomy, **infer_idol(state)))
    return model.state_dict()


def plain_decoder_keys(model_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name a wrapped decoder's keys as those of a plain one.

    A decoder inside of an ``InjectionDecoder`` loads plain checkpoints by itself.
    """
    inner = 'decoder.decoder.'
    return {
        f'decoder.{key[len(inner) :]}' if key.startswith(inner) else key: value
        for key, value in model_state.items()
    }
