"""Putting the weights of a checkpoint into a model, with a report of what did not fit."""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mmengine.logging import print_log
from torch import nn

from mmtmt.engine.checkpoint import CheckpointError

# What the names of a model's entries begin with, and which models they belong to; the first that
# fits counts.
SIGNATURES = (
    (('clip_decoder.memory_key.',), ('GenVIS',)),
    (('clip_decoder.',), ('VITA',)),
    (('reid_head.',), ('IDOL',)),
    (('decoder.head.', 'decoder.decoder.head.'), ('Mask2FormerVIS', 'MinVIS')),
    (('sem_seg_head.', 'vita_module.', 'detr.detr.'), ('the official code, not converted',)),
    (('panoptic_head.', 'track_head.'), ("mmdet's Mask2Former, not converted",)),
)


@dataclass
class LoadReport:
    """What happened to the weights of a checkpoint.

    Attributes:
        loaded: Number of entries of the model that were set.
        missing: Entries of the model that the checkpoint lacks.
        unexpected: Entries of the checkpoint that the model lacks.
        mismatched: Entries of another shape, each with both shapes; the model keeps its own.
    """

    loaded: int = 0
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether checkpoint and model agree in every entry."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        parts = [f'{self.loaded} entries loaded']
        for name in ('missing', 'unexpected', 'mismatched'):
            if names := getattr(self, name):
                parts.append(f'{len(names)} {name} ({_some(names)})')
        return ', '.join(parts)


def implied_models(names: Iterable[str]) -> tuple[str, ...]:
    """Which models a checkpoint may be of, by the names of its entries.

    Args:
        names: Of the entries.

    Returns:
        Types of models, several where names are all that they share; none where nothing is known.
    """
    names = list(names)
    return next((models for prefixes, models in SIGNATURES
                 if any(name.startswith(prefixes) for name in names)), ())


def load_into(
    model: nn.Module,
    checkpoint: dict,
    strict: bool = False,
    source: str = 'checkpoint',
    allow_unexpected: bool | Sequence[str] = True,
) -> LoadReport:
    """Set a model's weights from a checkpoint.

    When both sides carry a taxonomy, rows that belong to categories are reordered by category key
    first, see :func:`remap_taxonomy`; keys of an earlier wrapping in DDP are accepted. The types of
    both models are compared too: what fits in every entry may still mean something else, as with
    Mask2FormerVIS and MinVIS. Where a checkpoint doesn't tell its model, messages name the one that
    its entries imply.

    Args:
        model: The model.
        checkpoint: A checkpoint, or a bare state dict.
        strict: Demand that checkpoint and model agree in every entry, and that the checkpoint has
            the rows of all the model's categories.
        source: Name of the checkpoint for messages.
        allow_unexpected: Whether the checkpoint may have entries that the model lacks; or with
            what the names of those begin that it may have.

    Returns:
        What fitted and what did not.

    Raises:
        CheckpointError: With ``strict``, any disagreement, also of the types, and categories that
            the checkpoint knows nothing of; otherwise less than
            half of the model's entries being in the checkpoint, which then belongs to another
            model unless the caller names what of it is left out, or entries that the model lacks
            and that are not allowed.
    """
    strip_ddp_prefix(checkpoint)
    remap_taxonomy(model, checkpoint, strict, source)
    report = LoadReport()
    stored = checkpoint.get('state_dict', checkpoint)
    own = model.state_dict()
    weights = _without_ddp(stored)
    for prefix, module in model.named_modules():
        if hasattr(module, 'move_plain_entries'):  # before shapes are compared by name
            module.move_plain_entries(weights, f'{prefix}.' if prefix else '')
    for name, value in list(weights.items()):
        if name in own and getattr(value, 'shape', None) != own[name].shape:
            shapes = f'{tuple(getattr(value, "shape", ()))} for {tuple(own[name].shape)}'
            report.mismatched.append(f'{name} {shapes}')
            del weights[name]
    kept = {entry.split()[0] for entry in report.mismatched}
    # Modules may rename or complete entries while they load, so the outcome counts, not the names.
    outcome = model.load_state_dict(weights, strict=False)
    report.missing = [name for name in outcome.missing_keys if name not in kept]
    report.unexpected = list(outcome.unexpected_keys)
    report.loaded = len(own) - len(outcome.missing_keys)
    kind = _other_kind(checkpoint, model, report.complete)
    names_left_out = not isinstance(allow_unexpected, bool) and len(allow_unexpected) > 0
    least = 1 if names_left_out else len(own) / 2
    if (strict and (kind or not report.complete)) or report.loaded < least:
        raise CheckpointError(
            f'{source} does not fit {type(model).__name__}, which has {len(own)} entries: '
            f'{kind}{report}'
        )
    _refuse_unexpected(report.unexpected, allow_unexpected, f'{source}: {kind}', model)
    level = logging.WARNING if kind or not report.complete else logging.INFO
    print_log(f'{source}: {kind}{report}', 'current', level)
    return report


def strip_ddp_prefix(checkpoint: dict) -> None:
    """Name the entries as without a wrapping in DDP.

    Args:
        checkpoint: Its ``state_dict`` is replaced, if it has one.
    """
    if 'state_dict' in checkpoint:
        checkpoint['state_dict'] = _without_ddp(checkpoint['state_dict'])


def _without_ddp(state: dict) -> OrderedDict:
    """The entries by the names that they have without a wrapping in DDP."""
    weights = OrderedDict((name.removeprefix('module.'), value) for name, value in state.items())
    if hasattr(state, '_metadata'):
        weights._metadata = state._metadata
    return weights


def _other_kind(checkpoint: dict, model: nn.Module, complete: bool) -> str:
    """`weights of TYPE: ` where they are another model's, as they say, or else seem to be."""
    trained = checkpoint.get('meta', {}).get('model')
    models = () if trained is None else (trained,)
    if trained is None and not complete:
        stored = checkpoint.get('state_dict', checkpoint)
        stored = stored.get('model', stored)  # as in files of the official code
        models = implied_models(name.removeprefix('module.') for name in stored)
    if not models or type(model).__name__ in models:
        return ''
    return f'weights of {" or ".join(models)}: '


def _refuse_unexpected(
    names: Sequence[str], allowed: bool | Sequence[str], source: str, model: nn.Module
) -> None:
    """Refuse to leave out what was trained: the weights are perhaps those of another model."""
    if allowed is True:
        return
    refused = [name for name in names if not name.startswith(tuple(allowed or ()))]
    if refused:
        prefixes = sorted({'.'.join(name.split('.')[:2]) for name in refused})
        raise CheckpointError(
            f'{source}{type(model).__name__} has no place for {len(refused)} of its entries '
            f'({_some(refused)}), so they would be lost. If that is meant, say so in the config: '
            f'allow_unexpected={prefixes}'
        )


def remap_taxonomy(
    model: nn.Module, checkpoint: dict, strict: bool = False, source: str = 'checkpoint'
) -> bool:
    """Reorder the category rows of a checkpoint to the model's union of categories, in place.

    Where the checkpoint doesn't say which categories its rows are of, there is a warning that they
    are taken for those of the model.

    Args:
        model: A model with ``taxonomy_state()``, else nothing happens.
        checkpoint: Its ``meta['taxonomy']`` names the rows of its weights.
        strict: Demand that it has rows of all the model's categories, and has learned to read the
            texts of the model's encoder.
        source: Name of the checkpoint for messages.

    Returns:
        Whether the two unions of categories differ.

    Raises:
        CheckpointError: With ``strict``, where rows would stay as they were initialised, or texts
            come from another encoder or are whitened otherwise.
    """
    if not hasattr(model, 'taxonomy_state'):
        return False
    state, stored = model.taxonomy_state(), checkpoint.get('meta', {}).get('taxonomy')
    if stored is None:
        _warn_of_unnamed_rows(checkpoint, state, source)
        return False
    warned = _tell_of_other_text(
        stored.get('text_bank'), state.get('text_bank'), source if strict else None)
    old, new = list(stored['keys']), list(state['keys'])
    if warned or old != new:
        # so that a second call has nothing to do, and nothing to say
        checkpoint['meta'] = {**checkpoint['meta'], 'taxonomy': state}
    if old == new:
        return False
    from mmtmt.models.utils.remap import remap_class_rows

    report = remap_class_rows(checkpoint['state_dict'], model.state_dict(), old, new)
    if strict and report.new and report.tensors:
        raise CheckpointError(
            f'{source} has no rows of {len(report.new)} categories '
            f'({_some(report.new, 8)}), which would be guessed at. The union must be the one '
            f'that it was trained with{_vocabularies(stored)}'
        )
    differs = {'new here': report.new, 'dropped': report.dropped}
    notes = ', '.join(f'{kind}: {_some(keys, 8)}' for kind, keys in differs.items() if keys)
    level = logging.WARNING if report.new else logging.INFO
    print_log(
        f'reordered the class rows of {len(report.kept)} categories; {notes}', 'current', level)
    return True


def _warn_of_unnamed_rows(checkpoint: dict, state: dict, source: str) -> None:
    """Warn where categories are told by their place alone."""
    from mmtmt.models.utils.remap import is_class_tensor

    weights, keys = checkpoint.get('state_dict', checkpoint), state['keys']
    if not any(is_class_tensor(name) and len(rows) in (len(keys), len(keys) + 1)
               for name, rows in weights.items()):
        return
    if 'state_dict' in checkpoint:  # so that a second call has nothing to say
        checkpoint['meta'] = {**checkpoint.get('meta', {}), 'taxonomy': state}
    print_log(
        f"{source} doesn't say which categories its class rows are of; they are taken for the "
        f'{len(keys)} of the model in their order ({_some(keys)}). '
        'official_to_mmtmt.py --vocabulary states them', 'current', logging.WARNING)


def _vocabularies(taxonomy: dict) -> str:
    """The config's value of a stored taxonomy's vocabularies, as far as it tells them."""
    names = [vocabulary['name'] for vocabulary in taxonomy.get('vocabularies', ())]
    return f', model.taxonomy.vocabularies={names}' if names else ''


def _tell_of_other_text(stored: dict | None, own: dict | None, strict_source: str | None) -> bool:
    """Warn, and say so, when the weights have learned to read other texts than the model's; refuse
    those of another encoder where all has to fit."""
    if stored is None or own is None:
        return False
    usual = dict(center=True, normalize=True, scale=True)
    stored, own = {**usual, **stored}, {**usual, **own}
    # A bank to which words were added has another hash, but its rows mean what they meant.
    origin = own.pop('origin', None)
    if origin is not None and stored.get('origin') == origin:
        own.pop('hash')
    differing = [name for name in own if own[name] != stored.get(name)]
    if differing:
        shown = ', '.join(f'{name} {own[name]!s:.60} instead of {stored.get(name)!s:.60}'
                          for name in differing)
        told = f'model.text_bank is not the one of the checkpoint: {shown}'
        if strict_source is not None and {'encoder', *usual} & set(differing):
            raise CheckpointError(f'{strict_source}: {told}')
        print_log(told, 'current', logging.WARNING)
    return bool(differing)


def _some(names: Iterable[str], limit: int = 4) -> str:
    names = list(names)
    return ', '.join(names[:limit]) + (', …' if len(names) > limit else '')
