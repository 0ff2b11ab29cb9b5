import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_unknown_preset_is_named(tmp_path):
    command = [sys.executable, str(ROOT / 'tools' / 'demo.py'), '--preset', 'smal', '--out', 'out']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("got 'smal'\n") and '--preset: expected one of' in done.stderr


def test_demo_trains_evaluates_and_draws(tmp_path):
    """The whole of `make demo` on a handful of tiny videos."""
    command = [sys.executable, str(ROOT / 'tools' / 'demo.py'), '--out', 'out']
    command += ['--preset', 'tiny', '--max-iters', '2', '--videos', '1', '--min-score', '0']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    sets = ('synth_ytvis', 'synth_uvo', 'synth_ovis')
    assert all(0 <= metrics[f'{name}/AP50'] <= 1 for name in sets)
    assert metrics.keys() >= {'seconds/data', 'seconds/training', 'seconds/evaluation'}
    assert all(isinstance(value, (int, float)) for value in metrics.values())
    page = (tmp_path / 'out' / 'index.html').read_text()
    for name in sets:
        (video,) = (tmp_path / 'out').glob(f'{name}_*.mp4')
        assert f'"{video.name}"' in page and str(video.relative_to(tmp_path)) in done.stdout
    assert 'training [########################] 2/2' in done.stdout
    assert 'index.html' in done.stdout
