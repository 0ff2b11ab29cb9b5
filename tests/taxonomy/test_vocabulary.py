import json
import subprocess
import sys
import tracemalloc

import pytest

from mmtmt.taxonomy import (
    Category,
    Vocabulary,
    canonical_key,
    load_vocabulary,
    registered_vocabularies,
)


def write(path, data):
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_import_needs_no_torch():
    code = (
        'import sys, mmtmt.taxonomy as t; t.TextBank.load("minilm"); print("torch" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'False'


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('Giant_panda', 'giant_panda'),
        ('giant panda', 'giant_panda'),
        ('  tennis   Racket ', 'tennis_racket'),
        ('T-shirt', 't_shirt'),
        ('Straße', 'strasse'),
        ('\uff43\uff41\uff54', 'cat'),  # full-width letters
        ('熊猫', '熊猫'),
    ],
)
def test_canonical_key(name, key):
    assert canonical_key(name) == key
    assert canonical_key(key) == key


@pytest.mark.parametrize('name', ['', ' ', '_', ' _-'])
def test_a_name_without_letters_is_refused(name):
    with pytest.raises(ValueError, match='visible character'):
        canonical_key(name)


def test_labels_and_ids_go_round():
    vocabulary = load_vocabulary('uvo')
    assert [vocabulary.index_of_id(i) for i in vocabulary.ids] == list(range(81))
    for unknown in (12, 0, 92, '1', None, []):
        with pytest.raises(ValueError, match=r"category id .* is not in vocabulary 'uvo'"):
            vocabulary.index_of_id(unknown)


def test_registered_names_are_labelled_spaces_only():
    names = registered_vocabularies()
    assert {'ytvis19', 'ytvis21', 'ovis', 'uvo', 'coco'} <= set(names)
    assert {'synth_ytvis', 'synth_ovis', 'synth_uvo', 'synth_world'} <= set(names)
    assert all(load_vocabulary(name).name == name for name in names)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown vocabulary 'ytvis22'") as error:
        load_vocabulary('ytvis22')
    assert all(name in str(error.value) for name in registered_vocabularies())


def test_dataset_json_is_ordered_by_id(tmp_path):
    path = write(
        tmp_path / 'train.json',
        {
            'videos': [],
            'categories': [
                {'id': 9, 'name': 'Red_car', 'supercategory': 'object'},
                {'id': 2, 'name': 'zebra'},
            ],
        },
    )
    vocabulary = load_vocabulary(str(path))
    assert (vocabulary.name, vocabulary.names, vocabulary.ids) == (
        'train',
        ['zebra', 'Red_car'],
        (2, 9),
    )
    assert vocabulary.texts == ['zebra', 'red car']
    assert load_vocabulary(path) == vocabulary
    assert load_vocabulary(vocabulary) is vocabulary
    named = load_vocabulary({'name': 'mine', 'source': path})
    assert (named.name, named.categories) == ('mine', vocabulary.categories)


def test_plain_names():
    vocabulary = load_vocabulary({'name': 'mine', 'names': ['zebra', 'red car']})
    assert (vocabulary.keys, vocabulary.ids) == (['zebra', 'red_car'], (1, 2))


def test_vocabulary_file_may_hold_name_key_and_text(tmp_path):
    data = {
        'name': 'desk',
        'categories': [
            {'id': 1, 'name': 'mouse', 'key': 'computer_mouse', 'text': 'computer mouse'}
        ],
    }
    vocabulary = load_vocabulary(write(tmp_path / 'v.json', data))
    assert vocabulary.name == 'desk'
    assert vocabulary.categories == (Category('mouse', 'computer_mouse', 'computer mouse'),)


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ('', 'not a readable json file'),
        ('{"categories": [', 'not a readable json file'),
        ('[' * 100000, 'not a readable json file'),
        ([], 'expected an object at the top level'),
        ({}, '"categories" must be a list'),
        ({'categories': []}, '"categories" must be a list'),
        ({'categories': {'id': 1}}, '"categories" must be a list'),
        ({'categories': ['cat']}, r'categories\[0\]: expected an object'),
        ({'categories': [{'name': 'cat'}]}, '"id" must be an integer, got NoneType'),
        ({'categories': [{'id': True, 'name': 'cat'}]}, '"id" must be an integer, got bool'),
        ({'categories': [{'id': '1', 'name': 'cat'}]}, '"id" must be an integer, got str'),
        ({'categories': [{'id': 1}]}, '"name" must be a string'),
        ({'categories': [{'id': 1, 'name': ' '}]}, r'categories\[0\]: .*visible character'),
        ({'categories': [{'id': 1, 'name': 'cat', 'text': 3}]}, '"text" must be a string'),
        (
            {'categories': [{'id': 1, 'name': 'cat'}, {'id': 1, 'name': 'dog'}]},
            "id 1 stands twice, for 'cat' and 'dog'",
        ),
        (
            {'categories': [{'id': 1, 'name': 'cat'}, {'id': 2, 'name': 'cat'}]},
            "name 'cat' stands twice, for 1 and 2",
        ),
        (
            {'categories': [{'id': 1, 'name': 'Red car'}, {'id': 2, 'name': 'red_car'}]},
            "key 'red_car' stands twice, for 'Red car' and 'red_car'; give one of them another",
        ),
    ],
)
def test_bad_files_are_named(tmp_path, data, message):
    path = write(tmp_path / 'bad.json', data)
    with pytest.raises(ValueError, match=message) as error:
        load_vocabulary(path)
    assert str(path) in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / 'bad.json'
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='not a readable json file'):
        load_vocabulary(path)


def test_missing_file_and_wrong_types(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_vocabulary(tmp_path / 'none.json')
    with pytest.raises(TypeError, match='got list'):
        load_vocabulary(['cat'])
    with pytest.raises(ValueError, match='either "source" or "names"'):
        load_vocabulary({'name': 'x'})
    with pytest.raises(ValueError, match='no categories'):
        Vocabulary('x', (), ())
    with pytest.raises(ValueError, match='1 categories but 2 ids'):
        Vocabulary('x', (Category.from_name('cat'),), (1, 2))


def test_file_of_a_registered_set_lends_its_ids_and_keeps_the_keys(tmp_path):
    names = load_vocabulary('uvo').names
    categories = [{'id': i, 'name': name} for i, name in enumerate(names, 1)]
    path = write(tmp_path / 'uvo.json', {'categories': categories})
    vocabulary = load_vocabulary({'name': 'uvo', 'source': path})
    assert vocabulary.ids == tuple(range(1, 82))
    assert vocabulary.categories == load_vocabulary('uvo').categories
    # The file is UVO's by its names, though nobody says so.
    assert load_vocabulary(path).categories == vocabulary.categories


def some_of(name, *names, shift=0):
    """Entries of a label space as they would stand in the file of a part of it."""
    vocabulary = load_vocabulary(name)
    ids = dict(zip(vocabulary.names, vocabulary.ids))
    return {'categories': [{'id': ids[n] + shift, 'name': n} for n in names]}


@pytest.mark.parametrize(
    ('data', 'key', 'text'),
    [
        (some_of('coco', 'person', 'mouse'), 'computer_mouse', 'computer mouse'),
        (some_of('ytvis19', 'person', 'mouse'), 'mouse', 'mouse (animal)'),
        (some_of('ytvis21', 'cat', 'mouse'), 'mouse', 'mouse (animal)'),
        # With other ids, the names beside it tell.
        (some_of('uvo', 'bed', 'tv', 'mouse', shift=999), 'computer_mouse', 'computer mouse'),
        (some_of('ytvis19', 'cat', 'eagle', 'mouse', shift=1000), 'mouse', 'mouse (animal)'),
        ({'categories': [{'id': 5, 'name': 'mouse', 'key': 'hamster'}]}, 'hamster', 'mouse'),
    ],
)
def test_a_mouse_is_what_it_is_in_the_label_space_of_its_file(tmp_path, data, key, text):
    vocabulary = load_vocabulary(write(tmp_path / 'part.json', data))
    mouse = vocabulary.categories[vocabulary.names.index('mouse')]
    assert (mouse.key, mouse.text) == (key, text)


def test_a_mouse_that_nothing_explains_has_to_be_explained(tmp_path):
    data = {'categories': [{'id': 1, 'name': 'mouse'}, {'id': 2, 'name': 'wheel'}]}
    path = write(tmp_path / 'lab.json', data)
    with pytest.raises(ValueError, match="'mouse' has several meanings .*computer_mouse") as error:
        load_vocabulary(path)
    assert str(path) in str(error.value)
    animal = load_vocabulary({'name': 'lab', 'source': path, 'keys': {'mouse': 'mouse'}})
    device = load_vocabulary({'name': 'lab', 'source': path, 'keys': {'mouse': 'computer mouse'}})
    assert (animal.keys, animal.texts) == (['mouse', 'wheel'], ['mouse (animal)', 'wheel'])
    assert device.categories[0] == Category('mouse', 'computer_mouse', 'computer mouse')
    with pytest.raises(ValueError, match="names .'rat'., which are not"):
        load_vocabulary({'name': 'lab', 'source': path, 'keys': {'rat': 'mouse', 'mouse': 'mouse'}})
    plain = load_vocabulary({'name': 'plain', 'names': ['mouse', 'computer mouse']})
    assert plain.keys == ['mouse', 'computer_mouse']


def test_file_of_another_set_is_refused():
    uvo, coco = load_vocabulary('uvo'), load_vocabulary('coco')
    as_json = coco.state_dict()['categories']
    assert coco.adopt_ids(as_json, 'x') is coco
    with pytest.raises(
        ValueError, match=r"train.json: expected the 81 .* got 80 \(missing \['other'\]"
    ):
        uvo.adopt_ids(as_json, 'train.json')
    swapped = [dict(c) for c in as_json]
    swapped[0]['name'], swapped[1]['name'] = 'bicycle', 'person'
    with pytest.raises(
        ValueError, match="2 names differ .* id 1: expected 'person', got 'bicycle'"
    ):
        coco.adopt_ids(swapped, 'train.json')


def test_state_goes_through_json():
    for name in registered_vocabularies():
        vocabulary = load_vocabulary(name)
        state = json.loads(json.dumps(vocabulary.state_dict()))
        again = Vocabulary.from_state_dict(state)
        assert again == vocabulary
        assert again.state_dict() == state


def test_of_a_large_file_only_the_categories_are_kept(tmp_path):
    path = tmp_path / 'large.json'
    annotation = {'segmentations': [{'size': [480, 640], 'counts': 'x' * 1000}] * 30}
    data = {'categories': [{'id': 3, 'name': 'zebra'}], 'annotations': [annotation] * 1000}
    write(path, data)
    assert path.stat().st_size > 30e6
    for source in (dict(name='zoo', source=path), path):
        tracemalloc.start()
        assert load_vocabulary(source).names == ['zebra']
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 24e6  # a few windows on the text


@pytest.mark.parametrize('names', ['zebra', [1, 2], None])
def test_names_of_a_vocabulary_are_a_list_of_text(names):
    with pytest.raises(ValueError, match="vocabulary 'x': expected names as a list"):
        load_vocabulary({'name': 'x', 'names': names})


def test_a_file_that_says_to_be_a_label_space_is_held_to_it(tmp_path):
    path = tmp_path / 'd.json'
    path.write_text(json.dumps({'name': 'ytvis19', 'categories': [{'id': 1, 'name': 'okapi'}]}))
    with pytest.raises(ValueError, match='d.json'):
        load_vocabulary(path)
    official = load_vocabulary('ytvis19')
    entries = [{'id': 2 * i, 'name': n} for i, n in zip(official.ids, official.names)]
    path.write_text(json.dumps({'name': 'ytvis19', 'categories': entries[::-1]}))
    found = load_vocabulary(path)
    assert found.names == official.names and found.ids == tuple(2 * i for i in official.ids)


def test_part_keeps_ids_and_name():
    part = load_vocabulary('ytvis19').part([4, 1])
    whole = load_vocabulary('ytvis19')
    assert part.name == 'ytvis19' and part.ids == (whole.ids[4], whole.ids[1])
    assert part.keys == [whole.keys[4], whole.keys[1]]
