import pytest
import torch

from mmtmt.models.converters import KeyTable, Rename

TABLE = KeyTable(
    [
        Rename('layers.{i}.{j}.norm1.{leaf}', 'blocks.{j}.{i}.norms.0.{leaf}'),
        Rename('head.{rest}', 'predictor.{rest}'),
        Rename('merge.weight', 'merging.weight', lambda x: x.flip(0), lambda x: x.flip(0)),
    ],
    drops=['head.index', 'counter.{i}'],
)


@pytest.mark.parametrize(
    'key, target',
    [
        ('layers.3.12.norm1.bias', 'blocks.12.3.norms.0.bias'),
        ('head.mlp.0.weight', 'predictor.mlp.0.weight'),
        ('layers.x.1.norm1.bias', None),
        ('layers.3.12.norm1.bias.more', None),
        ('layersX3.12.norm1.bias', None),
    ],
)
def test_rename(key, target):
    assert TABLE.rename(key)[0] == target


def test_convert_sorts_the_keys():
    state = {
        key: torch.arange(3.0)
        for key in ('layers.0.1.norm1.weight', 'merge.weight', 'head.index', 'counter.7', 'nobody')
    }
    result = TABLE.convert(state)
    assert set(result.state) == {'blocks.1.0.norms.0.weight', 'merging.weight'}
    assert result.dropped == ['head.index', 'counter.7']
    assert result.unexpected == ['nobody']
    assert result.transformed == ['merging.weight']
    assert result.state['merging.weight'].tolist() == [2, 1, 0]
    assert result.sources['blocks.1.0.norms.0.weight'] == 'layers.0.1.norm1.weight'


def test_reversed_leads_back():
    state = {'layers.0.1.norm1.weight': torch.arange(3.0), 'merge.weight': torch.arange(4.0)}
    back = TABLE.reversed().convert(TABLE.convert(state).state).state
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_two_keys_with_one_target():
    table = KeyTable([Rename('a.{leaf}', 'c.{leaf}'), Rename('b.{leaf}', 'c.{leaf}')])
    with pytest.raises(ValueError, match="'a.bias' and 'b.bias' both convert to 'c.bias'"):
        table.convert({'a.bias': torch.zeros(1), 'b.bias': torch.zeros(1)})
