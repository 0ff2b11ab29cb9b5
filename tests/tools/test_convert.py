"""The command that converts annotations, run as a user runs it."""

import runpy
import sys
from pathlib import Path

import pytest

from tests.datasets.conversion.generated_set import content, make_set

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'convert.py'


@pytest.fixture
def convert(monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, args)])
        runpy.run_path(str(TOOL), run_name='__main__')
        return capsys.readouterr()

    return run


def test_there_and_back(tmp_path, convert):
    source = make_set(tmp_path, first=1)
    (tmp_path / 'list.txt').write_text('a_clip\nb_clip\n')
    out, frames = tmp_path / 'mots', tmp_path / 'frames'
    done = convert(
        'ytvis', source, '--to', 'mots-txt', '--out', out, '--videos', tmp_path / 'list.txt'
    )
    assert '2 videos' in done.out and str(out) in done.out and '2/2' in done.err
    back = tmp_path / 'back.json'
    convert('mots-txt', out, '--frames', frames, '--out', back, '--vocabulary', source)
    expected = content(source)
    del expected['empty']
    assert content(back) == expected


def test_mistakes_end_in_a_line(tmp_path, convert):
    source = make_set(tmp_path)
    with pytest.raises(SystemExit, match="error: .*no videos .'nope'"):
        convert('ytvis', source, '--videos', 'nope', '--out', tmp_path / 'out.json')
    with pytest.raises(SystemExit, match='error: .*source.json: exists; --overwrite'):
        convert('ytvis', source, '--out', source)
    with pytest.raises(SystemExit, match='error: .*expected a folder'):
        convert('davis', tmp_path / 'no', '--frames', tmp_path, '--out', tmp_path / 'out.json')
    with pytest.raises(SystemExit):
        convert('ytvis', source, '--overlap', 'first', '--out', tmp_path / 'out.json')
    assert not list(tmp_path.glob('*out*'))
