"""The loader's benchmark: both sides load the same clips."""

import sys
from pathlib import Path

import pytest

from mmtmt.datasets.synthetic import SyntheticOptions, generate

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools'))
import loader_benchmark
import loader_sides


@pytest.fixture
def source(tmp_path):
    generate(tmp_path / 'sets', SyntheticOptions(
        train=2, valid=1, length=6, height=54, width=96, sets=('synth_ytvis', 'synth_ovis')),
        workers=1)
    return tmp_path / 'sets'


def test_prints_a_row_per_reading(source, capsys):
    loader_benchmark.main([
        '--source', str(source), '--heights', '0', '72', '--frames', '2', '--workers', '0',
        '--clips', '2', '--rounds', '1'])
    rows = [line.split('|') for line in capsys.readouterr().out.splitlines()
            if line.startswith('| ') and 'x' in line.split('|')[1]]
    assert [row[1].strip() for row in rows] == ['54 x 96', '72 x 128']
    assert all(float(row[6]) > 0 and float(row[7]) > 0 for row in rows)


def test_a_difference_is_noticed(source, tmp_path, monkeypatch):
    root = tmp_path / 'stored'
    root.mkdir()
    stored = loader_sides.store_set([source / 'synth_ovis'], root, 0)
    assert loader_sides.assert_same_clips(stored, (72, 128)) > 0.8
    own = loader_sides.ours

    def off_by_a_frame(stored, num_frames, size, flip, frames):
        return own(stored, num_frames, size, flip, [frame ^ 1 for frame in frames])

    monkeypatch.setattr(loader_sides, 'ours', off_by_a_frame)
    with pytest.raises(AssertionError, match='frames differ'):
        loader_sides.assert_same_clips(stored, (72, 128))
