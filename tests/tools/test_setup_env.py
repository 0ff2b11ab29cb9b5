"""The script that makes the environment: its checks and choices, without downloading anything."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def setup_env():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location('setup_env', ROOT / 'tools/setup_env.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_needs_the_standard_library_only():
    command = [sys.executable, '-I', '-S', str(ROOT / 'tools/setup_env.py'), '--help']
    assert '--torch' in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_old_python_is_refused_with_the_remedy(setup_env, monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 1, 'final', 0))
    with pytest.raises(setup_env.SetupError, match='Remedy: install Python 3.11'):
        setup_env.check_python()


def test_missing_venv_module_is_named(setup_env, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ensurepip', None)
    with pytest.raises(setup_env.SetupError, match=r'Remedy: `sudo apt install python3\.\d+-venv'):
        setup_env.check_venv_module()


def test_full_disk_is_seen_before_the_download(setup_env, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=2**30)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(setup_env.SetupError, match=r'1\.0 GiB are free .* needs 12\. Remedy'):
        setup_env.check_disk(tmp_path / 'not' / 'there', 'cuda')


def test_open_cv_without_lib_gl_is_explained(setup_env, tmp_path):
    fake = tmp_path / 'python'
    fake.write_text('#!/bin/sh\necho "ImportError: libGL.so.1: cannot open" >&2\nexit 1\n')
    fake.chmod(0o755)
    with pytest.raises(setup_env.SetupError, match='libGL.so.1.*Remedy.*opencv-python-headless'):
        setup_env.check_open_cv(fake, {'opencv-python': '4.0'})
    fake.write_text('#!/bin/sh\nexit 139\n')  # as a crash does, which prints nothing
    with pytest.raises(setup_env.SetupError, match='does not load: exit status 139'):
        setup_env.check_open_cv(fake, {'opencv-python': '4.0'})


def test_torch_and_mmcv_that_are_there_stay(setup_env):
    pins = setup_env.choose_pins({'torch': '2.6.0+cu124', 'mmcv': '2.1.0'}, foreign=False)
    assert pins['torch'] == '2.6.0+cu124' and pins['mmcv'] == '2.1.0'
    assert 'torchvision' not in pins  # pip takes the one for this torch
    assert pins['mmdet'] == setup_env.read_pins()['mmdet']


def test_foreign_packages_are_not_moved(setup_env):
    pins = setup_env.choose_pins({'numpy': '1.26.4', 'torch': '2.6.0'}, foreign=True)
    assert 'numpy' not in pins and pins['torch'] == '2.6.0'
    assert pins['mmengine'] == setup_env.read_pins()['mmengine']


def test_open_cv_alias_installs_and_satisfies_pip(setup_env, tmp_path):
    version = setup_env.write_open_cv_alias(tmp_path, '5.0.0.93')
    assert version == '5.0.0.93+headless'
    site = tmp_path / 'site'
    command = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index']
    command += ['--find-links', tmp_path, '--target', site, f'opencv-python=={version}']
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    metadata = next(site.glob('opencv_python*.dist-info')) / 'METADATA'
    assert 'Requires-Dist: opencv-python-headless==5.0.0.93' in metadata.read_text()
    assert zipfile.ZipFile(next(tmp_path.glob('*.whl'))).testzip() is None


def test_leftovers_of_a_killed_pip_are_found(setup_env, tmp_path):
    site = tmp_path / 'lib/python3.11/site-packages'
    for name in ('whole-1.dist-info', 'half-1.dist-info', '~orch'):
        (site / name).mkdir(parents=True)
    (site / 'whole-1.dist-info/RECORD').touch()
    found = {path.name for path in setup_env.unfinished_installs(tmp_path)}
    assert found == {'half-1.dist-info', '~orch'}


def test_folder_that_is_no_environment_is_not_touched(setup_env, tmp_path):
    (tmp_path / 'thesis.tex').touch()
    with pytest.raises(setup_env.SetupError, match='no virtual environment'):
        setup_env.make_venv(tmp_path, system_site=False)
    assert (tmp_path / 'thesis.tex').exists()


def test_broken_environment_is_made_again(setup_env, tmp_path):
    folder = tmp_path / 'venv'
    python = setup_env.make_venv(folder, system_site=False)
    assert setup_env.works([python, '-m', 'pip', '--version'])
    python.unlink()  # as after an interrupted creation
    assert setup_env.works([setup_env.make_venv(folder, system_site=False), '-m', 'pip', '-V'])


def test_second_run_has_nothing_to_do(setup_env, tmp_path, monkeypatch):
    folder = tmp_path / 'venv'
    monkeypatch.setattr(setup_env, 'probe', lambda python: {'found': {}, 'mmcv': True})
    monkeypatch.setattr(setup_env, 'check_disk', lambda *args: None)
    calls = []
    monkeypatch.setattr(setup_env, 'install', lambda *args, **kwargs: calls.append(args))
    monkeypatch.setattr(setup_env, 'verify', lambda python: None)
    monkeypatch.setattr(sys, 'argv', ['setup_env.py', '--venv', str(folder), '--torch', 'cpu'])
    assert setup_env.main() == 0 and setup_env.main() == 0
    assert len(calls) == 1
    monkeypatch.setattr(sys, 'argv', [*sys.argv, '--extras', 'test'])
    assert setup_env.main() == 0 and len(calls) == 2
    stamp = folder / setup_env.STAMP
    stamp.write_text(stamp.read_text()[:5])  # cut off as by a full disk
    assert setup_env.main() == 0 and len(calls) == 3


def test_an_environment_of_the_users_stays_theirs(setup_env, tmp_path, monkeypatch):
    folder = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(folder)], check=True)
    monkeypatch.setattr(setup_env, 'probe', lambda python: {'found': {}, 'mmcv': True})
    monkeypatch.setattr(setup_env, 'make_venv', lambda folder, shared: folder / 'bin/python')
    monkeypatch.setattr(setup_env, 'verify', lambda python: None)
    foreign = []
    monkeypatch.setattr(
        setup_env, 'install', lambda *args, **options: foreign.append(options['foreign']))
    for extras in ('dev', 'test'):
        monkeypatch.setattr(
            sys, 'argv', ['setup_env.py', '--venv', str(folder), '--extras', extras])
        assert setup_env.main() == 0
    assert foreign == [True, True]


MAKE = """#!/bin/sh
echo "{output}"
exit {status}
"""


@pytest.mark.parametrize(
    ('output', 'status', 'expected'),
    [
        ('===== 12 passed, 1 skipped in 3.21s (0:00:03) =====', 0, 0),
        ('===== 1 failed, 12 passed in 3.21s =====', 1, 1),
        ('===== 3 skipped in 0.10s =====', 0, 1),
        ('===== no tests ran in 0.01s =====', 0, 1),
        ('nothing to be done', 0, 1),
    ],
)
def test_ci_succeeds_only_when_tests_ran(tmp_path, output, status, expected):
    make = tmp_path / 'make'
    make.write_text(MAKE.format(output=output, status=status))
    make.chmod(0o755)
    path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    result = subprocess.run(
        [ROOT / '.ci/run'], env={**os.environ, 'PATH': path}, capture_output=True, text=True
    )
    assert result.returncode == expected
    assert output in result.stdout
