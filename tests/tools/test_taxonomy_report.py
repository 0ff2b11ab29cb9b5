"""The report on a taxonomy and its datasets, as a user calls it."""

import json
import runpy
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.datasets.tiny_set import TinySet

ROOT = Path(__file__).resolve().parents[2]
JOINT = ROOT / 'configs/tmt_vis/tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'


@pytest.fixture
def tell(monkeypatch, capsys, tmp_path):
    """Call the tool in an empty folder; returns what it printed, or the message it ended with."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['taxonomy_report.py', *map(str, arguments)])
        try:
            runpy.run_path(
                str(ROOT / 'tools/analysis_tools/taxonomy_report.py'), run_name='__main__'
            )
        except SystemExit as end:
            return str(end.code)
        return capsys.readouterr().out

    return call


class Cells(HTMLParser):
    """The texts of a page's cells."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag in ('td', 'th')

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found.append(data)


def test_vocabularies(tell):
    printed = tell('ytvis19', 'ytvis21', 'ovis', 'uvo', '--out', 'out')
    assert 'alias sedan -> car' in printed and 'uvo means computer_mouse' in printed
    assert 'duck and bird' in printed
    data = json.loads(Path('out/report.json').read_text())
    shared = {tuple(entry['pair']): entry['shared'] for entry in data['taxonomy']['overlaps']}
    # Table 9 counts 34, 22 and 19; the names give these.
    assert shared['ytvis19', 'ytvis21'] == 36
    assert shared['ytvis19', 'ovis'] == 20 and shared['ytvis19', 'uvo'] == 19
    row = next(row for row in data['taxonomy']['union'] if row['key'] == 'car')
    assert row['names'] == {'ytvis19': ['sedan'], 'ytvis21': ['car'], 'uvo': ['car']}
    cells = Cells(Path('out/report.html').read_text()).found
    assert {'sedan', 'Vehical', 'alias motorbike -> motorcycle', '36'} <= set(cells)
    text = Path('out/report.txt').read_text()
    assert text.partition('\n')[0] in printed and 'earless_seal' in text


def test_aliases_can_be_chosen(tell):
    strict = tell('ytvis19', 'ovis', '--aliases', 'strict')
    assert 'Union of ytvis19 (40), ovis (25): 46 rows' in strict
    joined = tell('ytvis19', 'ovis', '--aliases', 'vehical_as_car')
    assert 'ytvis19:sedan, ovis:Vehical' in joined and '44 rows' in joined
    assert tell('ytvis19', '--aliases', 'loose').startswith("error: unknown aliases 'loose'")


def test_annotation_files_and_leaks(tell, tmp_path):
    tiny = TinySet(tmp_path)
    tiny.save('train.json')
    tiny.data['videos'] = tiny.data['videos'][1:]
    tiny.data['annotations'] = []
    tiny.save('val.json')
    printed = tell(
        'ovis', 'train.json', '--ann', 'tiny:train=train.json', 'other:val=val.json', 'val.json',
        '--out', 'out',
    )  # fmt: skip
    assert '| tiny       | other     |              2 |             2 | v20, v30 |' in printed
    data = json.loads(Path('out/report.json').read_text())
    assert [(d['set'], d['split'], d['videos']) for d in data['datasets']] == [
        ('tiny', 'train', 3), ('other', 'valid', 2), ('val.json', '', 2),
    ]  # fmt: skip
    (leak,) = data['leaks']
    assert leak == {'train': 'tiny', 'valid': 'other', 'videos': 2, 'shared': ['v20', 'v30']}
    assert data['datasets'][0]['masks'] == 5


def test_config_names_vocabularies_and_files(tell):
    printed = tell(JOINT)
    assert 'Union of ytvis19 (40), uvo (81), ovis (25): 104 rows' in printed
    assert 'not there: ytvis19 train, data/ytvis_2019/train.json' in printed
    assert 'not there: ovis valid, data/ovis/annotations_valid.json' in printed
    assert printed.count('not there') == 6
    Path('data/ovis').mkdir(parents=True)
    Path('data/ovis/annotations_valid.json').write_text('{"videos": []}')
    printed = tell(JOINT)
    assert printed.count('not there') == 5 and '| ovis valid |' in printed


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nothing'], "unknown vocabulary 'nothing'"),
        ([JOINT, 'ovis'], 'expected one config alone'),
        ([ROOT / 'configs/_base_/default_runtime.py'], 'model.taxonomy.vocabularies'),
        (['nowhere.py'], 'nowhere.py does not exist'),
        (['ovis', '--ann', 'zoo:val=nowhere.json'], '--ann: there is no file nowhere.json'),
    ],
)
def test_mistakes_are_named(tell, arguments, message):
    found = tell(*arguments)
    assert found.startswith('error: ') and message in found


def test_broken_annotation_file_is_named(tell):
    Path('broken.json').write_text('{"videos": [')
    assert 'error: broken.json: not a readable json file' in tell('ovis', '--ann', 'broken.json')
