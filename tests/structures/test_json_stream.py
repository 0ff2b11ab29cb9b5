import gzip
import json

import numpy as np
import pytest

from mmtmt.structures.json_stream import iterate_json_list, load_json, read_json_stream


def random_value(rng, depth=0):
    kind = rng.integers(8 if depth < 3 else 6)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.integers(5))]
    if kind == 7:
        return {f'k{i}': random_value(rng, depth + 1) for i in range(rng.integers(4))}
    return [
        None,
        bool(rng.integers(2)),
        int(rng.integers(-(10**9), 10**9)),
        float(rng.normal()),
        'a"\\u{[é, \n' * int(rng.integers(3)),
        -1.5e-7,
    ][kind]


@pytest.mark.parametrize('chunk', [1, 2, 7, 64, 10**6])
def test_equals_json(tmp_path, chunk):
    rng = np.random.default_rng(0)
    path = tmp_path / 'a.json'
    for seed in range(25):
        data = {f'key {i}': random_value(rng) for i in range(seed % 6)}
        for indent in (None, 2):
            path.write_text(json.dumps(data, indent=indent, ensure_ascii=bool(seed % 2)))
            assert read_json_stream(path, chunk=chunk) == data


def test_hook_sees_every_object(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"a": [{"b": 1}, {"b": {"c": 2}}], "d": {"e": 3}}')
    hooked = read_json_stream(path, object_pairs_hook=lambda pairs: tuple(pairs), chunk=4)
    assert hooked == {'a': [(('b', 1),), (('b', (('c', 2),)),)], 'd': (('e', 3),)}


def test_error_of_the_hook_names_the_file(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"a": [{"b": 1}]}')

    def hook(pairs):
        raise ValueError('no b, please')

    with pytest.raises(ValueError, match=r'a.json: no b, please'):
        read_json_stream(path, hook)


@pytest.mark.parametrize('chunk', [3, 1000])
@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'an object at the top level, got the end of the file at character 0'),
        ('  [1]', r"top level, got '\[.* at character 2"),
        ('{"a": [1, 2', "expected ',', got the end of the file at character 11"),
        ('{"a": [1 2]}', "expected ',', got '2"),
        ('{"a": [1,]}', 'Expecting value'),
        ('{"a": yes}', 'Expecting value.* at character 6'),
        ('{"a": 1} x', "expected the end of the file, got 'x' at character 9"),
        ('{a: 1}', 'not a readable json'),
        ('{1: 1}', 'expected a key in quotes, got 1'),
        ('{"a" 1}', "expected ':', got '1"),
        ('{"a": "b', 'Unterminated string'),
        ('{"a": ' + '[' * 10**5, 'nested too deeply'),
    ],
)
def test_broken_files(tmp_path, text, message, chunk):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_json_stream(path, chunk=chunk)
    assert str(error.value).startswith(str(path))


def test_large_value_costs_in_proportion(tmp_path):
    """A value of many chunks is tried again with twice as much text each time, not once more."""
    path = tmp_path / 'a.json'
    path.write_text(json.dumps({'a': ['x' * 300_000]}))
    assert len(read_json_stream(path, chunk=16)['a'][0]) == 300_000


def write(path, text):
    opener = gzip.open if path.suffix == '.gz' else open
    with opener(path, 'wt', encoding='utf-8') as file:
        file.write(text)


@pytest.mark.parametrize('name', ['a.json', 'a.json.gz'])
@pytest.mark.parametrize('data', [[], [1, {'a': [2, 3]}, 'x'], {'a': [1, {}]}, {}])
def test_lists_and_objects_gzipped_or_not(tmp_path, data, name):
    write(tmp_path / name, json.dumps(data))
    assert load_json(tmp_path / name) == data
    if isinstance(data, list):
        assert list(iterate_json_list(tmp_path / name, chunk=2)) == data


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"a": 1}', "expected a list at the top level, got '{"),
        ('[1, 2', "expected ','"),
        ('[1] 2', 'expected the end of the file'),
    ],
)
def test_broken_lists(tmp_path, text, message):
    write(tmp_path / 'a.json', text)
    with pytest.raises(ValueError, match=message) as error:
        list(iterate_json_list(tmp_path / 'a.json'))
    assert str(error.value).startswith(str(tmp_path / 'a.json'))


def test_broken_gzip(tmp_path):
    write(tmp_path / 'a.json.gz', json.dumps(list(range(1000))))
    data = (tmp_path / 'a.json.gz').read_bytes()
    for broken in (data[:-40], data[:20] + b'\xff' * 40 + data[60:], b'[1, 2]'):
        (tmp_path / 'b.json.gz').write_bytes(broken)
        with pytest.raises(ValueError, match='b.json.gz: not a readable json file'):
            list(iterate_json_list(tmp_path / 'b.json.gz'))
