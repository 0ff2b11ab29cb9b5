"""The label spaces of the package, held against facts that were not taken from their files."""

import ast
import importlib.util
import json
import os
from pathlib import Path

import pytest

from mmtmt.taxonomy import Taxonomy, load_vocabulary, registered_vocabularies
from mmtmt.taxonomy.loading import LABEL_SPACES, read_json

COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
# Typed from descriptions of the datasets, not from the files of the package.
OFFICIAL = {
    'ytvis19': """
        person, giant_panda, lizard, parrot, skateboard, sedan, ape, dog, snake, monkey, hand,
        rabbit, duck, cat, cow, fish, train, horse, turtle, bear, motorbike, giraffe, leopard, fox,
        deer, owl, surfboard, airplane, truck, zebra, tiger, elephant, snowboard, boat, shark,
        mouse, frog, eagle, earless_seal, tennis_racket""",
    'ytvis21': """
        airplane, bear, bird, boat, car, cat, cow, deer, dog, duck, earless_seal, elephant, fish,
        flying_disc, fox, frog, giant_panda, giraffe, horse, leopard, lizard, monkey, motorbike,
        mouse, parrot, person, rabbit, shark, skateboard, snake, snowboard, squirrel, surfboard,
        tennis_racket, tiger, train, truck, turtle, whale, zebra""",
    'ovis': """
        Person, Bird, Cat, Dog, Horse, Sheep, Cow, Elephant, Bear, Zebra, Giraffe, Poultry,
        Giant_panda, Lizard, Parrot, Monkey, Rabbit, Tiger, Fish, Turtle, Bicycle, Motorcycle,
        Airplane, Boat, Vehical""",
    'coco': """
        person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
        fire hydrant, , stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
        elephant, bear, zebra, giraffe, , backpack, umbrella, , , handbag, tie, suitcase, frisbee,
        skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
        tennis racket, bottle, , wine glass, cup, fork, knife, spoon, bowl, banana, apple,
        sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch,
        potted plant, bed, , dining table, , , toilet, , tv, laptop, mouse, remote, keyboard,
        cell phone, microwave, oven, toaster, sink, refrigerator, , book, clock, vase, scissors,
        teddy bear, hair drier, toothbrush""",
}
OFFICIAL['uvo'] = OFFICIAL['coco'] + ', other'
SHARED = Path(os.environ.get('MMTMT_SHARED', Path(__file__).resolve().parents[2].parent / 'shared'))
SETS = ('synth_ytvis', 'synth_ovis', 'synth_uvo')


@pytest.mark.parametrize(
    ('name', 'size', 'first', 'last', 'last_id'),
    [
        ('ytvis19', 40, 'person', 'tennis_racket', 40),
        ('ytvis21', 40, 'airplane', 'zebra', 40),
        ('ovis', 25, 'Person', 'Vehical', 25),
        ('uvo', 81, 'person', 'other', 91),
        ('coco', 80, 'person', 'toothbrush', 90),
    ],
)
def test_size_and_ends(name, size, first, last, last_id):
    vocabulary = load_vocabulary(name)
    assert len(vocabulary) == len(vocabulary.ids) == size
    assert (vocabulary.names[0], vocabulary.names[-1]) == (first, last)
    assert (vocabulary.ids[0], vocabulary.ids[-1]) == (1, last_id)
    assert vocabulary.source


@pytest.mark.parametrize('name', OFFICIAL)
def test_names_and_ids_are_the_official_ones(name):
    listed = [entry.strip() for entry in OFFICIAL[name].split(',')]
    vocabulary = load_vocabulary(name)
    assert dict(zip(vocabulary.ids, vocabulary.names)) == {
        number: entry for number, entry in enumerate(listed, 1) if entry
    }
    assert list(vocabulary.ids) == sorted(vocabulary.ids)


def test_ids_are_contiguous_or_have_the_gaps_of_coco():
    for name in ('ytvis19', 'ytvis21', 'ovis'):
        vocabulary = load_vocabulary(name)
        assert list(vocabulary.ids) == list(range(1, len(vocabulary) + 1))
    coco, uvo = load_vocabulary('coco'), load_vocabulary('uvo')
    assert set(range(1, 91)) - set(coco.ids) == COCO_GAPS
    assert uvo.names[:80] == coco.names
    assert uvo.ids[:80] == coco.ids


def test_single_categories_stand_where_the_annotation_files_have_them():
    known = {
        'ytvis19': {6: 'sedan', 21: 'motorbike', 31: 'tiger', 36: 'mouse', 39: 'earless_seal'},
        'ytvis21': {3: 'bird', 5: 'car', 14: 'flying_disc', 32: 'squirrel', 39: 'whale'},
        'ovis': {2: 'Bird', 12: 'Poultry', 13: 'Giant_panda', 22: 'Motorcycle'},
        'uvo': {13: 'stop sign', 34: 'frisbee', 44: 'bottle', 67: 'dining table', 74: 'mouse'},
        'coco': {27: 'backpack', 43: 'tennis racket', 70: 'toilet', 84: 'book'},
    }
    for name, categories in known.items():
        vocabulary = load_vocabulary(name)
        for json_id, category in categories.items():
            assert vocabulary.names[vocabulary.index_of_id(json_id)] == category


def _tuples_of_names(module):
    """All long tuples of strings in a source file of mmdet, without importing it."""
    package = importlib.util.find_spec('mmdet')
    source = Path(package.origin).parent / 'datasets' / module
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Tuple) and len(node.elts) >= 25:
            yield [element.value for element in node.elts if isinstance(element, ast.Constant)]


@pytest.mark.parametrize(
    ('name', 'module'),
    [
        ('ytvis19', 'youtube_vis_dataset.py'),
        ('ytvis21', 'youtube_vis_dataset.py'),
        ('coco', 'coco.py'),
    ],
)
def test_names_are_those_of_mmdet(name, module):
    assert load_vocabulary(name).names in list(_tuples_of_names(module))


@pytest.mark.parametrize(
    ('first', 'second', 'strict', 'default'),
    [
        ('ytvis19', 'ytvis21', 35, 36),
        ('ytvis19', 'ovis', 19, 20),
        ('ytvis19', 'uvo', 17, 19),
        ('ytvis19', 'coco', 17, 19),
        ('coco', 'uvo', 80, 80),
    ],
)
def test_overlaps(first, second, strict, default):
    for aliases, expected in (('strict', strict), ('default', default)):
        taxonomy = Taxonomy([first, second], aliases=aliases)
        assert (taxonomy.mask(first) & taxonomy.mask(second)).sum() == expected
        assert len(taxonomy) == taxonomy.mask(first).sum() + taxonomy.mask(second).sum() - expected


def test_equal_names_with_different_meanings():
    for animal in ('ytvis19', 'ytvis21', 'synth_ytvis'):
        vocabulary = load_vocabulary(animal)
        assert vocabulary.keys[vocabulary.names.index('mouse')] == 'mouse'
    for device in ('uvo', 'coco', 'synth_uvo'):
        vocabulary = load_vocabulary(device)
        assert vocabulary.keys[vocabulary.names.index('mouse')] == 'computer_mouse'


def test_texts_are_phrases():
    for name in registered_vocabularies():
        vocabulary = load_vocabulary(name)
        assert all(text and '_' not in text and text == text.lower() for text in vocabulary.texts)
    ovis, uvo = load_vocabulary('ovis'), load_vocabulary('uvo')
    assert ovis.texts[12] == 'giant panda'
    assert ovis.texts[24] == 'vehicle'
    assert uvo.texts[80] == 'object'


def _world():
    return read_json(LABEL_SPACES / 'synth_world.json')['categories']


def test_world_names_a_category_of_each_set_and_uses_all_of_them():
    kinds = _world()
    assert 20 <= len(kinds) <= 30
    assert all(set(kind['annotated_as']) == set(SETS) for kind in kinds)
    for name in SETS:
        used = {kind['annotated_as'][name] for kind in kinds} - {None}
        assert used == set(load_vocabulary(name).names)
    assert all(any(kind['annotated_as'].values()) for kind in kinds)


def test_world_has_the_conflicts_of_real_label_spaces():
    kinds = _world()
    taxonomy = Taxonomy(SETS)
    vocabularies = {name: load_vocabulary(name) for name in SETS}

    def row(kind, name):
        label = vocabularies[name].names.index(kind['annotated_as'][name])
        return taxonomy.to_union(name)[label]

    for name, vocabulary in vocabularies.items():
        annotated = [kind for kind in kinds if kind['annotated_as'][name]]
        assert len(annotated) < len(kinds), f'{name} leaves no kind unlabelled'
        assert taxonomy.mask(name).sum() == len(vocabulary)
    synonyms = {
        kind['name'] for kind in kinds if len(set(filter(None, kind['annotated_as'].values()))) > 1
    }
    assert {'car', 'motorcycle', 'frisbee'} <= synonyms
    # One object, several rows (bird and owl): the table must call those compatible.
    compatible, split = taxonomy.compatible(), 0
    for kind in kinds:
        rows = [row(kind, name) for name in SETS if kind['annotated_as'][name]]
        split += len(set(rows)) > 1
        assert all(compatible[a, b] for a in rows for b in rows), kind['name']
    assert split >= 5
    assert list(vocabularies['synth_uvo'].ids) != list(range(1, 18))
    assert all(name[0].isupper() for name in vocabularies['synth_ovis'].names)


def test_names_of_the_generated_sets_are_taken_from_the_real_ones():
    real = {'synth_ytvis': ('ytvis19', 'ytvis21'), 'synth_ovis': ('ovis',), 'synth_uvo': ('uvo',)}
    for name, sources in real.items():
        found = {c for s in sources for c in load_vocabulary(s).categories}
        assert set(load_vocabulary(name).categories) <= found
    uvo, synth = load_vocabulary('uvo'), load_vocabulary('synth_uvo')
    assert all(uvo.names[uvo.index_of_id(i)] == n for i, n in zip(synth.ids, synth.names))


@pytest.mark.realdata
@pytest.mark.skipif(not (SHARED / 'realdata').is_dir(), reason='needs the recorded videos')
@pytest.mark.parametrize(
    ('name', 'file'),
    [
        ('ytvis19', 'ytvis19/train.json'),
        ('ovis', 'ovis/train.json'),
        ('uvo', 'uvo/train.json'),
        ('coco', 'coco/instances.json'),
    ],
)
def test_annotation_files_have_these_categories(name, file):
    path = SHARED / 'realdata' / file
    categories = json.loads(path.read_text())['categories']
    vocabulary = load_vocabulary(name).adopt_ids(categories, str(path))
    assert list(vocabulary.ids) == sorted(c['id'] for c in categories)
    assert load_vocabulary({'name': name, 'source': path}) == vocabulary
