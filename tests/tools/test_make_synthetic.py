"""The command that writes the generated sets, run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'make_synthetic.py'


def run(*args):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, args)], capture_output=True, text=True
    )


def test_writes_a_set_with_progress_and_keeps_it(tmp_path):
    args = (tmp_path / 'data', '--preset', 'tiny', '--sets', 'synth_uvo', '--train', 3)
    done = run(*args)
    assert done.returncode == 0, done.stderr
    assert '5/5' in done.stderr
    folder = tmp_path / 'data' / 'synth_uvo'
    document = json.loads((folder / 'train.json').read_text())
    assert len(document['videos']) == 3
    assert document['info']['generator']['train'] == 3
    before = (folder / 'train.json').stat().st_mtime_ns
    again = run(*args)
    assert again.returncode == 0 and 'already' in again.stdout
    assert (folder / 'train.json').stat().st_mtime_ns == before
    assert {path.name for path in (tmp_path / 'data').iterdir()} == {'synth_uvo'}


def test_bad_options_are_refused_in_a_line(tmp_path):
    done = run(tmp_path, '--size', 8, 200)
    assert done.returncode == 2
    assert 'height: expected at least 32, got 8' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not list(tmp_path.iterdir())
