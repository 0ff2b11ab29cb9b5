"""Checkpoint files: plain, whole, and refused when they need more."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmtmt.engine import load_checkpoint_file, save_checkpoint, trusted_checkpoints
from mmtmt.engine.checkpoint import CheckpointError, remove_unfinished
from mmtmt.engine.plain_data import restore_history, to_plain

ROOT = Path(__file__).resolve().parents[2]


class Marker:
    """Something that is no plain data."""

    def __reduce__(self):
        return (os.getenv, ('MARKER_WAS_UNPICKLED', 'yes'))


def test_what_is_saved_loads_without_pickled_code(tmp_path):
    value = {
        'array': np.arange(3.0),
        'names': np.array(['a', 'b']),
        'number': np.float32(2),
        'path': Path('x/y'),
        'tuple': (1, [2, None]),
        'set': {1, 2},
        'tensor': torch.ones(2, requires_grad=True),
    }
    save_checkpoint(value, tmp_path / 'a.pth')
    back = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert back['array'].tolist() == [0, 1, 2] and back['names'] == ['a', 'b']
    assert back['number'] == 2.0 and back['path'] == 'x/y' and back['tuple'] == (1, [2, None])
    assert back['set'] == {1, 2} and not back['tensor'].requires_grad


def test_versions_in_a_state_dict_survive():
    state = torch.nn.BatchNorm1d(2).state_dict()
    assert to_plain(state)._metadata == state._metadata


def test_log_history_survives():
    history = HistoryBuffer([1.0, 2.5], [1, 2])
    plain = to_plain({'log_scalars': {'loss': history}, 'runtime_info': {}})
    back = restore_history(plain)['log_scalars']['loss']
    assert back.mean() == history.mean() and back.current() == 2.5


def test_other_objects_are_refused_with_their_place(tmp_path):
    with pytest.raises(TypeError, match=r"checkpoint\['meta'\]\['f'\]\[1\] is a .*Marker"):
        save_checkpoint({'meta': {'f': [1, Marker()]}}, tmp_path / 'a.pth')
    assert list(tmp_path.iterdir()) == []


def test_foreign_pickle_needs_trust(tmp_path):
    path = tmp_path / 'foreign.pth'
    torch.save({'state_dict': {}, 'extra': Marker()}, path)
    with pytest.raises(ValueError, match='getenv.*--trust-checkpoint'):
        load_checkpoint_file(path)
    with pytest.raises(ValueError, match='--trust-checkpoint'):
        CheckpointLoader.load_checkpoint(str(path))
    assert load_checkpoint_file(path, trust=True)['extra'] == 'yes'
    with trusted_checkpoints():
        assert CheckpointLoader.load_checkpoint(str(path))['extra'] == 'yes'
    with pytest.raises(ValueError, match='--trust-checkpoint'):
        load_checkpoint_file(path)


def test_other_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth does not exist'):
        load_checkpoint_file(tmp_path / 'nowhere.pth')
    (tmp_path / 'model.pkl').write_bytes(b'x')
    with pytest.raises(ValueError, match='official_to_mmtmt.py'):
        load_checkpoint_file(tmp_path / 'model.pkl')
    save_checkpoint({'w': torch.ones(1000)}, tmp_path / 'whole.pth')
    save_checkpoint({'w': torch.ones(100_000)}, tmp_path / 'large.pth')
    broken = {
        'cut.pth': (tmp_path / 'whole.pth').read_bytes()[:2000],
        'late.pth': (tmp_path / 'large.pth').read_bytes()[:200_000],
        'empty.pth': b'',
        'text.pth': b'hello world',
        'text.safetensors': b'hello world',
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f'{name} is damaged or no checkpoint: .'):
            load_checkpoint_file(tmp_path / name)
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match='holds a list, expected a dict'):
        load_checkpoint_file(tmp_path / 'list.pth')


def test_safetensors_are_weights(tmp_path):
    from safetensors.torch import save_file

    save_file({'w': torch.arange(3)}, tmp_path / 'a.safetensors')
    assert load_checkpoint_file(tmp_path / 'a.safetensors')['state_dict']['w'].tolist() == [0, 1, 2]


def test_download_without_network_says_where_to_put_the_file(monkeypatch):
    from urllib.error import URLError

    def refuse(*args, **kwargs):
        raise URLError('no route to host')

    monkeypatch.setattr('mmengine.runner.checkpoint.load_url', refuse)
    expected = 'no route to host.*Fetch it elsewhere and put it into'
    with pytest.raises(CheckpointError, match=expected):
        CheckpointLoader.load_checkpoint('https://example.org/resnet.pth')


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder whose files https://example.org has."""

    def download(url, path, **kwargs):
        shutil.copy(tmp_path / 'site' / url.rpartition('/')[2], path)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    (tmp_path / 'site').mkdir()
    return tmp_path / 'site'


def test_downloads_are_read_like_files(site, tmp_path):
    from safetensors.torch import save_file

    torch.save({'w': torch.arange(3)}, site / 'a.pth')
    save_file({'w': torch.arange(4)}, site / 'b.safetensors')
    load = CheckpointLoader.load_checkpoint
    assert load('https://example.org/x/a.pth')['w'].tolist() == [0, 1, 2]
    assert len(load('https://example.org/b.safetensors')['state_dict']['w']) == 4
    (site / 'a.pth').unlink()  # it was kept
    assert load('https://example.org/x/a.pth?raw=true')['w'].tolist() == [0, 1, 2]
    assert (tmp_path / 'hub' / 'checkpoints' / 'a.pth').is_file()


def test_downloads_are_not_trusted(site):
    torch.save({'f': Marker()}, site / 'evil.pth')
    with pytest.raises(CheckpointError, match='evil.pth.*--trust-checkpoint'):
        CheckpointLoader.load_checkpoint('https://example.org/evil.pth')


def test_full_disk_keeps_the_previous_file(tmp_path):
    path = tmp_path / 'a.pth'
    save_checkpoint({'step': 1}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        with pytest.raises(OSError, match='could not write .*a.pth.*previous file .* is intact'):
            save_checkpoint({'step': 2, 'w': torch.ones(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert load_checkpoint_file(path) == {'step': 1}
    assert [file.name for file in tmp_path.iterdir()] == ['a.pth']


SAVER = """
import sys, torch
from mmtmt.engine import save_checkpoint
step = 0
while True:
    step += 1
    save_checkpoint({'step': step, 'w': torch.full((3_000_000,), float(step))}, sys.argv[1])
    print(step, flush=True)
"""


def test_kill_in_the_middle_of_a_save_keeps_a_whole_file(tmp_path):
    path = tmp_path / 'a.pth'
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', SAVER, str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    written = 0
    for line in process.stdout:
        written = int(line) if line.strip().isdigit() else written
        if written == 2:
            break
    deadline = time.time() + 60
    while not list(tmp_path.glob('.a.pth.*.tmp')) and time.time() < deadline:
        pass  # a save is under way once its temporary file is there
    process.kill()
    process.wait()
    process.stdout.close()
    checkpoint = load_checkpoint_file(path)
    assert checkpoint['step'] >= 2
    assert (checkpoint['w'] == checkpoint['step']).all()
    (tmp_path / '.a.pth.x.tmp').touch()
    remove_unfinished(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ['a.pth']
