"""Files under their old name or whole, whatever happens in between."""

import errno
import os
import stat
import threading
from contextlib import nullcontext

import pytest

from mmtmt.structures.atomic import replacing


def test_file_is_replaced_when_it_is_complete(tmp_path):
    path = tmp_path / 'a.json'
    path.write_bytes(b'old')
    with replacing(path) as file:
        file.write(b'new')
        assert path.read_bytes() == b'old'
        assert len(list(tmp_path.iterdir())) == 2
    assert path.read_bytes() == b'new'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_error_keeps_the_file_before(tmp_path, error):
    path = tmp_path / 'a.json'
    path.write_bytes(b'old')
    with pytest.raises(error), replacing(path) as file:
        file.write(b'new')
        raise error
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_name_do_not_mix(tmp_path):
    path = tmp_path / 'a.json'

    def write(byte):
        with replacing(path) as file:
            barrier.wait(10)
            file.write(byte * 1000)
            barrier.wait(10)

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=write, args=(byte,)) for byte in (b'a', b'b')]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in (b'a' * 1000, b'b' * 1000)
    assert list(tmp_path.iterdir()) == [path]


def test_mode_is_that_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / 'a.json') as file:
            file.write(b'new')
    finally:
        os.umask(before)
    assert (tmp_path / 'a.json').stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize('number, allowed', [(errno.EINVAL, True), (errno.EIO, False)])
def test_folders_that_can_not_be_synced(tmp_path, monkeypatch, number, allowed):
    sync = os.fsync

    def refuse_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, 'fsync', refuse_folders)
    with nullcontext() if allowed else pytest.raises(OSError):
        with replacing(tmp_path / 'a.json') as file:
            file.write(b'new')
    assert (tmp_path / 'a.json').read_bytes() == b'new'
