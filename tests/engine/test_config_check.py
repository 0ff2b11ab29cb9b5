"""Which changes on the command line are taken for misspelt."""

import pytest

from mmtmt.engine.config_check import ConfigError, check_overrides

CONFIG = dict(
    model=dict(width=3),
    pipeline=[dict(type='LoadClip', number=2)],
    test_evaluator=dict(ann_files=dict(zoo='a.json')),
)


@pytest.mark.parametrize(
    'key', ['test_evaluator.ann_files.zoo2', 'model.depth', 'pipeline.0.number', 'load_from']
)
def test_new_keys_and_names_of_datasets_pass(key):
    check_overrides(CONFIG, {key: 'x'})


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('modle.width', 'model'),
        ('model.widht', 'width'),
        ('pipeline.0.numbr', 'number'),
        ('test_evaluator.ann_fils.zoo', 'ann_files'),
        ('load_form', 'load_from'),
    ],
)
def test_near_misses_are_refused(key, meant):
    with pytest.raises(ConfigError, match=f'--cfg-options {key}.*did you mean {meant}'):
        check_overrides(CONFIG, {key: 'x'})
