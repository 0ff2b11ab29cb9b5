"""The command that checks a dataset, run as a user runs it."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.datasets.tiny_set import TinySet

TOOL = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'check_dataset.py'


@pytest.fixture
def check(monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, args)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(TOOL), run_name='__main__')
        return end.value.code, capsys.readouterr()

    return run


def test_finds_reports_and_repairs(tmp_path, check):
    tiny = TinySet(tmp_path)
    source, frames = tiny.save(), tmp_path / 'frames'
    (frames / 'v30/00003.png').unlink()
    fixed, report = tmp_path / 'fixed.json', tmp_path / 'report.json'
    assert '--fix OUT writes a copy' in check(source, frames)[1].out
    code, printed = check(source, frames, '--fix', fixed, '--report', report)
    assert code == 1
    assert re.search(r'fixed.json: [1-9]\d* changes', printed.out)
    assert 'error missing-frame: 1' in printed.out and '-> the frame is left out' in printed.out
    assert 'warning id-zero: 1' in printed.out and '3/3' in printed.err
    kinds = {problem['kind'] for problem in json.loads(report.read_text())['problems']}
    assert {'missing-frame', 'id-zero'} <= kinds
    assert len(json.loads(fixed.read_text())['videos'][2]['file_names']) == 5
    assert check(fixed, frames)[0] == 0
    code, _ = check(source, frames, '--fix', fixed)
    assert 'fixed.json: exists; --overwrite' in code
    assert json.loads(source.read_text()) == tiny.data


def test_what_is_no_json_ends_in_a_line(tmp_path, check):
    path = tmp_path / 'broken.json'
    path.write_text('{"videos": [')
    code, _ = check(path)
    assert code.startswith('error: ') and 'broken.json: not a readable json file' in code
    assert check(path, tmp_path / 'nowhere')[0] == 2


def test_nothing_is_written_when_nothing_is_left(tmp_path, check):
    tiny = TinySet(tmp_path)
    fixed = tmp_path / 'fixed.json'
    tiny.data['categories'] = []
    code, printed = check(tiny.save(), '--fix', fixed)
    assert code == 1 and 'fixed.json is not written: no usable' in printed.out
    assert not fixed.exists()


def test_a_report_does_not_replace_what_is_checked(tmp_path, check):
    source = TinySet(tmp_path).save()
    content = source.read_text()
    code, _ = check(source, tmp_path / 'frames', '--report', source)
    assert 'is an input, which would be lost' in code and source.read_text() == content
