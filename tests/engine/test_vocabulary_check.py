"""Datasets and models that mean different categories by one name are refused."""

from types import SimpleNamespace

import pytest

from mmtmt.engine.config_check import ConfigError
from mmtmt.engine.vocabulary_check import (
    check_metrics,
    check_test_vocabularies,
    check_vocabularies,
)
from mmtmt.taxonomy import Taxonomy, Vocabulary, load_vocabulary


def dataset(vocabulary):
    return SimpleNamespace(name='set', ann_file='val.json', vocabulary=vocabulary)


@pytest.fixture
def model():
    zoo = Vocabulary.from_names('zoo', ['zebra', 'duck'])
    return SimpleNamespace(taxonomy=Taxonomy(['ytvis19', zoo]))


def test_same_categories_pass_whatever_their_ids(model):
    renumbered = Vocabulary.from_categories(
        'zoo', [{'id': 9, 'name': 'duck'}, {'id': 4, 'name': 'zebra'}], 'val.json'
    )
    check_vocabularies(model, SimpleNamespace(datasets=[dataset(renumbered), SimpleNamespace()]))
    check_vocabularies(SimpleNamespace(), dataset(renumbered))


@pytest.mark.parametrize('names', [['duck', 'zebra'], ['zebra'], ['zebra', 'duck', 'emu']])
def test_other_categories_of_the_same_name_are_refused(model, names):
    with pytest.raises(ConfigError, match="'set'.*val.json.*vocabulary 'zoo'"):
        check_vocabularies(model, dataset(Vocabulary.from_names('zoo', names)))


def test_a_vocabulary_that_the_model_lacks_is_refused(model):
    with pytest.raises(ConfigError, match=r"'farm', which model.taxonomy.vocabularies lacks"):
        check_vocabularies(model, dataset(Vocabulary.from_names('farm', ['duck'])))


def test_a_known_vocabulary_needs_rows_of_all_its_categories(model):
    with pytest.raises(ConfigError, match=r"'set'.*: 5 of 25 .*Vehical.* Add it to model.taxonomy"):
        check_vocabularies(model, dataset(load_vocabulary('ovis')))
    names = ['bird', 'sheep', 'poultry', 'bicycle', 'vehical']
    model.taxonomy = Taxonomy(['ytvis19', Vocabulary.from_names('more', names)])
    check_vocabularies(model, dataset(load_vocabulary('ovis')))


class Predictor(SimpleNamespace):
    """A model that can predict in what it was trained on, and zebras."""

    def evaluation_space(self, vocabulary):
        found = self.evaluation_vocabularies.get(vocabulary) or load_vocabulary(vocabulary)
        if 'emu' in found.names:
            raise ValueError(f"vocabulary {vocabulary!r}: the model was not trained on ['emu']")


def test_a_set_to_test_on_brings_its_vocabulary_along():
    model = Predictor(taxonomy=Taxonomy(['ytvis19']), evaluation_vocabularies={})
    farm = Vocabulary.from_names('farm', ['zebra', 'cow'])
    check_test_vocabularies(model, dataset(farm))
    assert model.evaluation_vocabularies == {'farm': farm}
    check_test_vocabularies(model, dataset(load_vocabulary('ovis')))
    assert list(model.evaluation_vocabularies) == ['farm']
    with pytest.raises(ConfigError, match="dataset 'set': .*not trained on .'emu'"):
        check_test_vocabularies(model, dataset(Vocabulary.from_names('outback', ['emu'])))
    with pytest.raises(ConfigError, match="vocabulary 'ytvis19'"):
        check_test_vocabularies(model, dataset(Vocabulary.from_names('ytvis19', ['zebra'])))


def test_every_metric_looks_at_every_dataset():
    def check(part):
        seen.append(part.name)
        if part.name == 'bad':
            raise ValueError('other videos')

    seen, metrics = [], [SimpleNamespace(check_dataset=check), SimpleNamespace()]
    parts = [SimpleNamespace(name=name, video_ids=[1]) for name in ('good', 'bad')]
    with pytest.raises(ConfigError, match='val_evaluator: other videos'):
        check_metrics(metrics, SimpleNamespace(datasets=[SimpleNamespace(), *parts]))
    assert seen == ['good', 'bad']
    check_metrics(metrics, parts[0])
    assert seen == ['good', 'bad', 'good']
