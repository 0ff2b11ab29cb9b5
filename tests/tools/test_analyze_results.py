"""The tools as a user runs them."""

import gzip
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from mmtmt.evaluation.analysis.command_line import short_names

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'golden'
GT, RESULTS = (GOLDEN / f'ytvis_eval_a_{side}.json.gz' for side in ('gt', 'results'))


def run(tool, *args):
    command = [sys.executable, str(ROOT / 'tools' / 'analysis_tools' / tool), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def test_analysis(tmp_path):
    gt = json.loads(gzip.decompress(GT.read_bytes()))
    gt['categories'][0]['name'] = 'not \ud800 text'  # half a character, which no file can hold
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    done = run(
        'analyze_results.py',
        tmp_path / 'gt.json',
        RESULTS,
        '--out',
        tmp_path / 'new',
        '--replicates',
        20,
    )
    assert done.returncode == 0, done.stderr
    info = json.loads((GOLDEN / 'ytvis_eval_a.json').read_text())
    analysis = json.loads((tmp_path / 'new' / 'analysis.json').read_text())
    categories = {str(row['id']): row for row in analysis['categories']}
    for category, expected in info['per_category'].items():
        assert categories[category]['AP'] == pytest.approx(expected['AP'])
    assert {path.name for path in (tmp_path / 'new').iterdir()} == {
        *('analysis.json', 'analysis.csv', 'analysis.md', 'report.html'),
    }
    assert 'HOTA' in done.stdout and 'space and time' in done.stdout
    assert 'not ? text' in (tmp_path / 'new' / 'report.html').read_text()
    assert '| AP |' in (tmp_path / 'new' / 'analysis.md').read_text()


def test_comparison(tmp_path):
    worse = json.loads(gzip.decompress(RESULTS.read_bytes()))[::2]
    (tmp_path / 'worse.json').write_text(json.dumps(worse))
    files = [RESULTS, tmp_path / 'worse.json']
    done = run(
        *('compare_results.py', GT, *files, '--replicates', 20),
        *('--names', 'all', 'half', '--out', tmp_path / 'new'),
    )
    assert done.returncode == 0, done.stderr
    assert 'half: difference' in done.stdout
    comparison = json.loads((tmp_path / 'new' / 'comparison.json').read_text())
    row = comparison['numbers']['AR100']
    assert row['values'][1] - row['values'][0] == pytest.approx(row['differences'][0]['difference'])
    assert row['differences'][0]['difference'] < 0


def test_videos_without_names_of_frames_are_named(tmp_path):
    gt = json.loads(gzip.decompress(GT.read_bytes()))
    del gt['videos'][3]['file_names']
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    done = run(
        *('analyze_results.py', tmp_path / 'gt.json', RESULTS, '--out', tmp_path / 'new'),
        *('--frames', tmp_path),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f'error: {tmp_path / "gt.json"}: video {gt["videos"][3]["id"]} ')


def test_a_video_with_a_missing_frame_is_left_out_of_the_page(tmp_path):
    gt = json.loads(gzip.decompress(GT.read_bytes()))
    first = tmp_path / 'frames' / gt['videos'][0]['file_names'][0]
    first.parent.mkdir(parents=True)
    first.write_bytes(b'no image')
    done = run(
        *('analyze_results.py', GT, RESULTS, '--out', tmp_path / 'new', '--replicates', 20),
        *('--frames', tmp_path / 'frames'),
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / 'new').iterdir()} == {
        *('analysis.json', 'analysis.csv', 'analysis.md', 'report.html'),
    }
    page = (tmp_path / 'new' / 'report.html').read_text(encoding='utf-8')
    told = [line for line in done.stdout.splitlines() if 'could not be drawn' in line]
    assert told and all('.jpg' in line for line in told)
    assert page.count('could not be drawn') == len(told)


@pytest.mark.parametrize(
    ('files', 'expected'),
    [
        (['a/plain.json', 'b/tmt.json.gz'], ['plain', 'tmt']),
        (['x/a/results.json', 'x/b/results.json', 'c.json'], ['a/results', 'b/results', 'c']),
        (['a/r.json', 'r.json'], ['a/r', 'r']),
        (['/r.v2.json', '/a/r.v2.json'], ['/r.v2', 'a/r.v2']),
        (['r.json', 'r.json.gz'], ['r.json', 'r.json.gz']),
        (['r.json', 'r.json'], ['r', 'r']),
    ],
)
def test_names_are_as_short_as_tells_files_apart(files, expected):
    assert short_names(files) == expected


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('analyze_results.py', GT, 'nowhere.json', '--out', 'x'), 'nowhere.json'),
        (('analyze_results.py', GT, RESULTS, '--out', 'x', '--replicates', 0), '1 or more'),
        (('compare_results.py', GT, RESULTS, RESULTS), 'a different name for each'),
        (('compare_results.py', GT, RESULTS), 'two or more'),
        (('analyze_results.py', GT, RESULTS, '--out', 'x', '--min-score', 'nan'), 'finite'),
        (('analyze_results.py', GT, RESULTS, '--out', 'x', '--seed', -1), '0 or more'),
        (('analyze_results.py', GT, RESULTS, '--out', GT), 'exists'),
        (('analyze_results.py', GT, RESULTS, '--out', 'x', '--frames', 'nowhere'), 'a folder of'),
        (('analyze_results.py', GT, RESULTS, '--out', 'x', '--frames', ROOT), 'holds no frames of'),
        (('compare_results.py', GT, RESULTS, 'nowhere.json', '--out', GT), 'exists'),
    ],
)
def test_mistakes_end_with_one_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool, *rest = args
    main = runpy.run_path(str(ROOT / 'tools' / 'analysis_tools' / tool))['main']
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in rest])
    printed = capsys.readouterr().err if caught.value.code == 2 else str(caught.value.code)
    assert message in printed.splitlines()[-1]
