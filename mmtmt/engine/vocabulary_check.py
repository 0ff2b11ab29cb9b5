"""Checking that data, model and metrics mean the same by the name of a vocabulary."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from torch import nn

from mmtmt.engine.config_check import ConfigError
from mmtmt.taxonomy import Vocabulary, load_vocabulary, registered_vocabularies


def check_vocabularies(model: nn.Module, dataset: Any) -> None:
    """Hold the vocabularies of datasets to train on against those of the model's taxonomy.

    Samples carry the name of their vocabulary, and the model looks up by it which category a label
    is. A dataset that takes the categories of its own file could mean others by the same name, and
    all its labels would be wrong.

    Args:
        model: A model with a ``taxonomy``, else nothing happens.
        dataset: A dataset, or several as ``datasets``; those without ``vocabulary`` are left out.

    Raises:
        ConfigError: The model doesn't know a vocabulary, has no row for one of its categories, or
            knows other categories by its name.
    """
    for part, known in _vocabularies(model, dataset):
        if known is None:
            raise ConfigError(
                f'dataset {part.name!r} is annotated in vocabulary {part.vocabulary.name!r}, which '
                f'model.taxonomy.vocabularies lacks; there are {model.taxonomy.vocabulary_names}'
            )
        _compare(part, known)
        try:
            model.taxonomy.to_union(known)
        except ValueError as error:
            raise ConfigError(
                f'dataset {part.name!r}: {error}. Add it to model.taxonomy.vocabularies'
            ) from error


def check_test_vocabularies(model: nn.Module, dataset: Any) -> None:
    """Hold the vocabularies of datasets to test on against what the model can predict.

    A vocabulary that the model was not trained on is made known to it by its name. Categories that
    it can't predict, and words that it can't read, show up now and not after the first video.

    Args:
        model: A model with a ``taxonomy``, else nothing happens.
        dataset: A dataset, or several as ``datasets``; those without ``vocabulary`` are left out.

    Raises:
        ConfigError: The model knows other categories by a vocabulary's name, or can't predict in
            it.
    """
    for part, known in _vocabularies(model, dataset):
        if known is not None:
            _compare(part, known)
        elif hasattr(model, 'evaluation_vocabularies'):
            model.evaluation_vocabularies[part.vocabulary.name] = part.vocabulary
        if hasattr(model, 'evaluation_space'):
            try:
                model.evaluation_space(part.vocabulary.name)
            except ValueError as error:
                raise ConfigError(f'dataset {part.name!r}: {error}') from error


def check_metrics(metrics: Iterable[Any], dataset: Any) -> None:
    """Hold the datasets to test on against the files that metrics compare them with.

    Args:
        metrics: Those without ``check_dataset`` are left out.
        dataset: A dataset, or several as ``datasets``; those without ``video_ids`` are left out.

    Raises:
        ConfigError: A metric's file has other videos or categories than the dataset.
    """
    checks = [metric.check_dataset for metric in metrics if hasattr(metric, 'check_dataset')]
    parts = [part for part in getattr(dataset, 'datasets', [dataset]) if hasattr(part, 'video_ids')]
    for check, part in product(checks, parts):
        try:
            check(part)
        except ValueError as error:
            raise ConfigError(f'test_evaluator or val_evaluator: {error}') from error


def _vocabularies(model: nn.Module, dataset: Any) -> Iterator[tuple[Any, Vocabulary | None]]:
    """Yield the datasets that have a vocabulary, with what the model means by its name."""
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
        yield part, known.get(own.name)


def _compare(dataset: Any, known: Vocabulary) -> None:
    own, expected = dataset.vocabulary, known.names
    if own.names != expected:
        raise ConfigError(
            f'dataset {dataset.name!r}: the {len(own)} categories of {dataset.ann_file} are not '
            f'the {len(expected)} that the model knows as vocabulary {own.name!r}; set the '
            "dataset's `vocabulary` to that of model.taxonomy. In the order of labels: "
            f'expected {expected[:8]}, got {own.names[:8]}'
        )
