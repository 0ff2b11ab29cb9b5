import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mmtmt.testing import Fixture, check
from mmtmt.testing.fixture import close, exact

GOLDEN = Path(__file__).parents[1] / 'golden'


@pytest.fixture
def fixture():
    return Fixture.load(GOLDEN / 'building_blocks_a')


def copy_of(name, folder, new_name=None):
    for suffix in ('.json', '.npz'):
        shutil.copy(GOLDEN / f'{name}{suffix}', folder / f'{new_name or name}{suffix}')
    return folder / (new_name or name)


def test_weights_follow_the_recipe(fixture):
    weights = fixture.weights('attn.output_proj')
    assert set(weights) == {'attn.output_proj.weight', 'attn.output_proj.bias'}
    # drawn independently: seed is the CRC-32 of 'bb-a/attn.output_proj.bias'
    noise = np.random.RandomState(3175735161).standard_normal(64)
    assert weights['attn.output_proj.bias'].dtype == np.float32
    assert np.array_equal(weights['attn.output_proj.bias'], (0.1 * noise).astype(np.float32))


def test_second_names_absolute_values_and_index_tables():
    info = dict(
        salt='s',
        arrays={},
        params=[['a', [50], 2.0, 1.0, True], ['b', [50], 'a'], ['index', [3], None]],
    )
    weights = Fixture('x', info, {}).weights()
    assert set(weights) == {'a', 'b'}
    assert weights['a'].min() >= 2 and weights['b'] is weights['a']


def test_rebuilt_inputs_are_checked(fixture):
    assert fixture.input('input_attn_query').shape == (2, 7, 64)
    fixture.info['salt'] = 'other'
    with pytest.raises(ValueError, match='cannot be rebuilt'):
        fixture.input('input_attn_query')


def test_a_wrong_number_is_found_stored_or_not():
    fixture = Fixture.load(GOLDEN / 'resnet50_a')
    image = fixture.input('input_image').numpy()
    assert fixture.compare('input_image', image).ok
    stride = fixture.info['arrays']['input_image']['stride']
    assert stride > 2
    stored, other = image.copy(), image.copy()
    stored.reshape(-1)[stride] += 0.1
    other.reshape(-1)[stride + 1] += 0.1
    other.reshape(-1)[stride + 1 : 2 * stride] *= 3
    for wrong, word in ((stored, 'beyond tolerance'), (other, 'projection')):
        difference = fixture.compare('input_image', wrong)
        assert not difference.ok and word in difference.detail


def test_other_shapes_and_nan_fail(fixture):
    value = fixture.array('pos2d')
    assert fixture.compare('pos2d', value).ok
    assert not fixture.compare('pos2d', value[:, :-1]).ok
    assert not fixture.compare('pos2d', np.full_like(value, np.nan)).ok


@pytest.mark.parametrize('value, ok', [(1.0, True), (1.00015, True), (1.00025, False)])
def test_close_adds_both_tolerances(value, ok):
    assert close('x', [0.0, value], [0.0, 1.0], 1e-4, 1e-4).ok is ok


def test_exact_counts():
    assert exact('x', [1, 2, 3], [1, 2, 3]).ok
    assert exact('x', [1, 2, 4], [1, 2, 3]).largest == 1
    assert exact('x', [1, 2, 4], [1, 2, 3], allowed=1).ok
    assert not exact('x', [1, 2], [1, 2, 3]).ok


def test_random_numbers_are_replayed_in_order(fixture):
    original = torch.rand
    with fixture.replayed_rand() as calls:
        first = torch.rand(4, 90, 2)
        assert not torch.equal(torch.rand((4, 8, 2)), first[:, :8])
    assert len(calls) == 2 and torch.rand is original
    with fixture.replayed_rand():
        assert torch.equal(torch.rand(4, 90, 2), first)
        torch.rand(4, 8, 2)


def test_other_random_calls_fail(fixture):
    with pytest.raises(AssertionError, match=r'call 0.*\[4, 90, 2\]'), fixture.replayed_rand():
        torch.rand(4, 91, 2)
    with pytest.raises(AssertionError, match='1 calls of torch.rand'), fixture.replayed_rand():
        torch.rand(4, 90, 2)
    with pytest.raises(AssertionError, match='no further call'), fixture.replayed_rand():
        for size in ((4, 90, 2), (4, 8, 2), (1,)):
            torch.rand(*size)


def test_damaged_fixture_fails_with_its_path(tmp_path):
    path = copy_of('building_blocks_a', tmp_path)
    (tmp_path / 'building_blocks_a.json').unlink()
    outcome = check(path)
    assert outcome.status == 'fail' and 'building_blocks_a' in outcome.error


@pytest.mark.parametrize('change', ['salt', 'rand_calls', 'levels'])
def test_runner_notices_another_recipe(change, tmp_path):
    path = copy_of('building_blocks_a', tmp_path, 'building_blocks_z')
    file = path.with_suffix('.json')
    info = json.loads(file.read_text())
    if change == 'salt':
        info['salt'] = 'bb-z'
    elif change == 'rand_calls':
        info['config']['points']['rand_calls'][0] = [4, 91, 2]
    else:
        info['config']['attn']['levels'].reverse()
    file.write_text(json.dumps(info))
    assert check(path).status == 'fail'
