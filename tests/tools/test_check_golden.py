import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'golden'


def run(folder):
    return subprocess.run(
        [sys.executable, ROOT / 'tools' / 'check_golden.py', folder],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )


def copy(name, folder, new_name):
    for suffix in ('.json', '.npz'):
        shutil.copy(GOLDEN / f'{name}{suffix}', folder / f'{new_name}{suffix}')


def test_one_line_each_and_exit_status(tmp_path):
    copy('building_blocks_a', tmp_path, 'building_blocks_a')
    copy('m2f_video_postprocess_b', tmp_path, 'somebodys_model_a')
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if '_a ' in line}
    assert 'pass' in lines['building_blocks_a']
    assert 'largest difference' in lines['building_blocks_a']
    assert 'tolerance' in lines['building_blocks_a']
    assert 'no runner' in lines['somebodys_model_a']
    assert '1 pass, 0 fail, 1 no runner' in done.stdout

    (tmp_path / 'more').mkdir()
    copy('m2f_video_postprocess_b', tmp_path / 'more', 'm2f_video_postprocess_q')
    with np.load(tmp_path / 'more' / 'm2f_video_postprocess_q.npz') as arrays:
        data = dict(arrays)
    data['scores'] = data['scores'] * 1.01
    np.savez(tmp_path / 'more' / 'm2f_video_postprocess_q.npz', **data)
    done = run(tmp_path)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith('m2f_video')]
    assert 'fail' in line and 'scores' in line
    assert '1 pass, 1 fail, 1 no runner' in done.stdout


def test_folder_without_fixtures(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2 and str(tmp_path) in done.stderr


def test_fixture_without_its_arrays_fails(tmp_path):
    copy('building_blocks_a', tmp_path, 'building_blocks_a')
    shutil.copy(GOLDEN / 'm2f_video_postprocess_b.json', tmp_path)
    (tmp_path / 'noise.json').write_text('{}')
    done = run(tmp_path)
    assert done.returncode == 1, done.stdout
    assert '1 pass, 1 fail, 0 no runner' in done.stdout
