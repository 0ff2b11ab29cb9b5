"""What a model is made with is what its training begins with."""
import pytest
import torch

from mmtmt.registry import MODELS
from tests.models.conftest import toy_model_config
from tests.models.toy_idol import toy_idol_config

# what initialises itself by its own config, as mmdet does it
BY_CONFIG = ('backbone.', 'neck.')


@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS', 'IDOL'])
def test_the_runner_initialises_nothing_anew(kind):
    config = toy_idol_config() if kind == 'IDOL' else toy_model_config(type=kind)
    model = MODELS.build(config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.init_weights()
    changed = {name for name, value in model.state_dict().items()
               if not torch.equal(value, before[name])}
    assert [name for name in changed if not name.startswith(BY_CONFIG)] == []
    assert any(name.startswith(BY_CONFIG) for name in changed)
