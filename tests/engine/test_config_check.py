"""Mistakes in configs: misspelt changes on the command line, wrong values."""

import pytest

from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.engine.checkpoint import CheckpointError
from mmtmt.engine.config_check import ConfigError, check_config, check_overrides, config_mistakes

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


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (ValueError('model.candidates: expected one of'), '^model.candidates: expected one of'),
        (TypeError("Foo.__init__() got an unexpected keyword argument 'a'"), "^Foo got an unexp"),
        (TypeError("Foo.__init__() missing 1 required keyword-only argument: 'a'"), '^Foo missing'),
        (KeyError('Foo is not in the mmtmt::model registry. Please check whether'), 'registry$'),
        (AssertionError('max_iters should be a integer number'), '^max_iters should be'),
    ],
)
def test_wrong_values_are_told_as_mistakes_in_the_config(error, message):
    with pytest.raises(ConfigError, match=message) as caught, config_mistakes():
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    'error',
    [
        TypeError("unsupported operand type(s) for +: 'int' and 'str'"),
        KeyError('name'),
        AnnotationError('a.json: broken'),
        CheckpointError('x.pth does not fit'),
        RuntimeError('a bug'),
    ],
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, config_mistakes():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(load_form='a.pth'), '^load_form: .*did you mean load_from'),
        (dict(optim_wraper={}), '^optim_wraper: .*did you mean optim_wrapper'),
        (dict(train_dataloder={}), '^train_dataloder: .*did you mean train_dataloader'),
        (dict(default_hooks=dict(checkpoints={})), '^default_hooks.checkpoints: .*mean checkpoint'),
        (dict(randomness=dict(seeds=1)), '^randomness.seeds: .*did you mean seed'),
        (
            dict(optim_wrapper=dict(clip_grad=dict(max_nrm=1))),
            '^optim_wrapper.clip_grad.max_nrm: .*did you mean max_norm',
        ),
        (
            dict(optim_wrapper=dict(paramwise_cfg=dict(norm_decay_mul=0))),
            '^optim_wrapper.paramwise_cfg.norm_decay_mul: .*did you mean norm_decay_mult',
        ),
    ],
)
def test_keys_that_nobody_reads_are_refused(cfg, message):
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_names_of_the_users_own_pass():
    own = ('train_sets', 'val_sets', 'train_pipeline', 'max_iters', 'data_root', 'evaluators')
    check_config({**dict.fromkeys(own, 1), 'default_hooks': {'my_hook': {}}, 'optim_wrapper': None})
