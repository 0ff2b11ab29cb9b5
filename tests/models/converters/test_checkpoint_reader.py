import io
import os
import pickle
import pickletools

import numpy as np
import pytest
import torch

from mmtmt.models.converters import find_weights, normalise_weights, read_checkpoint


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


ARRAYS = {
    'float64': np.linspace(0, 3, 7).reshape(7, 1),
    'float16': np.ones((2, 3), np.float16),
    'fortran': np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    'integer': np.arange(4),
    'scalar': np.float32(2.5),
    'empty': np.zeros((0, 4), np.float32),
}


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_arrays(protocol, tmp_path):
    path = tmp_path / 'model.pkl'
    content = dict(model=ARRAYS, __author__='somebody', matching_heuristics=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    state, others = normalise_weights(find_weights(read_checkpoint(path)))
    assert others == []
    for name, array in ARRAYS.items():
        assert state[name].shape == array.shape
        assert np.array_equal(state[name].numpy(), array)
        wanted = torch.int64 if name == 'integer' else torch.float32
        assert state[name].dtype == wanted


def test_pickle_of_numpy_1(tmp_path):
    content = pickle.dumps(dict(model=ARRAYS), protocol=2)
    assert b'numpy._core.multiarray' in content
    path = tmp_path / 'model.pkl'
    path.write_bytes(content.replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    assert find_weights(read_checkpoint(path)).keys() == ARRAYS.keys()


def test_pickle_of_python_2(tmp_path):
    """There an array's bytes are a string."""
    array = np.arange(200, 203, dtype=np.uint8)
    stream = io.BytesIO(pickle.dumps({'a': array}, protocol=2))
    names = [opcode.name for opcode, _, _ in pickletools.genops(stream.getvalue())]
    assert 'SHORT_BINSTRING' not in names
    payload = (
        b'\x80\x02}q\x00U\x01acnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\n'
        b'q\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x03\x85cnumpy\ndtype\nq\x04U\x02u1K\x00'
        b'K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89'
        b'U\x03\xc8\xc9\xcatbs.'
    )
    path = tmp_path / 'model.pkl'
    path.write_bytes(payload)
    assert np.array_equal(read_checkpoint(path)['a'], array)


@pytest.mark.parametrize('suffix', ['.pkl', '.pth'])
def test_code_is_refused_unless_trusted(suffix, tmp_path):
    path, made = tmp_path / f'model{suffix}', tmp_path / 'made'
    content = dict(model={'a': np.zeros(1) if suffix == '.pkl' else torch.zeros(1)}, x=Evil(made))
    if suffix == '.pkl':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=r'(?s)model.*mkdir.*--trust-checkpoint'):
        read_checkpoint(path)
    assert not made.exists()
    assert 'a' in find_weights(read_checkpoint(path, trust=True))
    assert made.exists()


def test_other_codecs_are_refused(tmp_path):
    path = tmp_path / 'model.pkl'
    path.write_bytes(b'c_codecs\nencode\n(Vabc\nVzip\ntR.')
    with pytest.raises(ValueError, match="codec 'zip'"):
        read_checkpoint(path)


def test_pytorch_checkpoints(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save({'state_dict': {'module.a': torch.ones(2, dtype=torch.bfloat16)}, 'iter': 3}, path)
    state, _ = normalise_weights(find_weights(read_checkpoint(path)))
    assert state['a'].dtype == torch.float32


@pytest.mark.parametrize('name', ['model.pkl', 'model.pth'])
def test_damaged_files(name, tmp_path):
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match=name):
        read_checkpoint(path)
    whole = tmp_path / 'whole'
    if name.endswith('pkl'):
        whole.write_bytes(pickle.dumps(dict(model=ARRAYS)))
    else:
        torch.save(dict(model={'a': torch.zeros(1000)}), whole)
    content = whole.read_bytes()
    for part in (b'', content[: len(content) // 2], b'<html>' + content):
        path.write_bytes(part)
        with pytest.raises(ValueError, match=f'cannot read .*{name}'):
            read_checkpoint(path)


def test_entries():
    weights = {'a': np.zeros(1)}
    assert find_weights(weights) is weights
    assert find_weights({'ema': weights, 'model': {'b': np.zeros(1)}}, 'ema') is weights
    with pytest.raises(ValueError, match="no entry 'ema'.*'model'"):
        find_weights({'model': weights}, 'ema')
    with pytest.raises(ValueError, match='expected arrays'):
        find_weights({'model': {'a': 'text'}})
    with pytest.raises(ValueError, match='expected a dict.*list'):
        find_weights([1])


def test_what_is_no_array_is_named():
    state, others = normalise_weights({'a': np.zeros(1), 'steps': 'many', 'b': np.array(['x'])})
    assert list(state) == ['a'] and others == ['steps', 'b']
