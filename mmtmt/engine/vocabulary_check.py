"""Checking that data and model mean the same by the name of a vocabulary."""

from typing import Any

from torch import nn

from mmtmt.engine.config_check import ConfigError
from mmtmt.taxonomy import load_vocabulary, registered_vocabularies


def check_vocabularies(model: nn.Module, dataset: Any) -> None:
    """Hold the vocabularies of datasets against those of the model's taxonomy.

    Samples carry the name of their vocabulary, and the model looks up by it which category a label
    is. A dataset that takes the categories of its own file could mean others by the same name, and
    all its labels would be wrong.

    Args:
        model: A model with a ``taxonomy``, else nothing happens.
        dataset: A dataset, or several as ``datasets``; those without ``vocabulary`` are left out.

    Raises:
        ConfigError: The model doesn't know a vocabulary, or knows other categories by its name.
    """
    taxonomy = getattr(model, 'taxonomy', None)
    if taxonomy is None:
        return
    known = {vocabulary.name: vocabulary for vocabulary in taxonomy.vocabularies}
    for part in getattr(dataset, 'datasets', [dataset]):
        own = getattr(part, 'vocabulary', None)
        if own is None:
            continue
        if own.name not in known and own.name in registered_vocabularies():
            known[own.name] = load_vocabulary(own.name)
        if own.name not in known:
            raise ConfigError(
                f'dataset {part.name!r} is annotated in vocabulary {own.name!r}, which '
                f'model.taxonomy.vocabularies lacks; there are {taxonomy.vocabulary_names}'
            )
        expected = known[own.name].names
        if own.names != expected:
            raise ConfigError(
                f'dataset {part.name!r}: the {len(own)} categories of {part.ann_file} are not the '
                f'{len(expected)} that the model knows as vocabulary {own.name!r}; set the '
                "dataset's `vocabulary` to that of model.taxonomy. In the order of labels: "
                f'expected {expected[:8]}, got {own.names[:8]}'
            )
