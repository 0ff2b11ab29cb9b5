import itertools
import json

import numpy as np
import pytest

from mmtmt.taxonomy import AliasTable, Category, Taxonomy, Vocabulary, load_vocabulary

THREE = ['ytvis19', 'uvo', 'ovis']
REAL = ['ytvis19', 'ytvis21', 'ovis', 'uvo', 'coco']


def vocabulary(name, *names):
    return Vocabulary.from_names(name, names)


def test_first_seen_first():
    a, b = vocabulary('a', 'cat', 'sedan', 'dog'), vocabulary('b', 'Car', 'bird', 'CAT')
    taxonomy = Taxonomy([a, b])
    assert taxonomy.names == ['cat', 'sedan', 'dog', 'bird']
    assert taxonomy.keys == ['cat', 'car', 'dog', 'bird']
    assert taxonomy.to_union('a').tolist() == [0, 1, 2]
    assert taxonomy.to_union('b').tolist() == [1, 3, 0]
    assert taxonomy.from_union('b').tolist() == [2, 0, -1, 1]
    assert taxonomy.mask('b').tolist() == [True, True, False, True]
    turned = Taxonomy([b, a])
    assert turned.names == ['Car', 'bird', 'CAT', 'dog']
    assert taxonomy.to_union('b').dtype == taxonomy.from_union('b').dtype == np.int64
    assert taxonomy.mask('b').dtype == bool


@pytest.mark.parametrize(
    ('names', 'strict', 'default'),
    [
        # 40 + 81 + 25, less what the pairs share, plus what all three share.
        (THREE, 106, 104),
        (['ytvis19'], 40, 40),
        (['ytvis19', 'ytvis21'], 45, 44),
        (['ytvis21', 'uvo'], 102, 100),
        (['uvo', 'coco'], 81, 81),
    ],
)
def test_union_size(names, strict, default):
    assert len(Taxonomy(names, aliases='strict')) == strict
    assert len(Taxonomy(names)) == default


def test_union_of_three_by_inclusion_and_exclusion():
    for aliases in ('strict', 'default'):
        taxonomy = Taxonomy(THREE, aliases)
        a, b, c = (taxonomy.mask(name) for name in THREE)
        pairs = (a & b).sum() + (a & c).sum() + (b & c).sum()
        assert len(taxonomy) == 40 + 81 + 25 - pairs + (a & b & c).sum()
        assert (a | b | c).all()


@pytest.mark.parametrize('aliases', ['strict', 'default'])
@pytest.mark.parametrize('order', list(itertools.permutations(THREE)))
def test_order_of_vocabularies_moves_rows_and_nothing_else(order, aliases):
    reference, taxonomy = Taxonomy(THREE, aliases), Taxonomy(order, aliases)
    assert sorted(taxonomy.keys) == sorted(reference.keys)
    keys, reference_keys = np.array(taxonomy.keys), np.array(reference.keys)
    for name in THREE:
        rows = taxonomy.to_union(name)
        assert (keys[rows] == reference_keys[reference.to_union(name)]).all()
    move = [taxonomy.keys.index(key) for key in reference.keys]
    assert (taxonomy.compatible()[np.ix_(move, move)] == reference.compatible()).all()
    # The first vocabulary keeps its own labels.
    first = load_vocabulary(order[0])
    assert taxonomy.to_union(order[0]).tolist() == list(range(len(first)))


@pytest.mark.parametrize('aliases', ['strict', 'default'])
def test_labels_go_to_the_union_and_back(aliases):
    taxonomy = Taxonomy(REAL, aliases)
    for name in REAL:
        rows = taxonomy.to_union(name)
        back = taxonomy.from_union(name)
        assert back[rows].tolist() == list(range(len(load_vocabulary(name))))
        assert (back >= 0).sum() == len(rows) == taxonomy.mask(name).sum()
        assert ((back >= 0) == taxonomy.mask(name)).all()


def test_mice_and_vehicles_stay_apart_by_default():
    taxonomy = Taxonomy(THREE)
    keys = np.array(taxonomy.keys)
    y19, uvo, ovis = (load_vocabulary(n) for n in THREE)
    assert keys[taxonomy.to_union('ytvis19')[y19.names.index('mouse')]] == 'mouse'
    assert keys[taxonomy.to_union('uvo')[uvo.names.index('mouse')]] == 'computer_mouse'
    assert keys[taxonomy.to_union('ovis')[ovis.names.index('Vehical')]] == 'vehical'


def test_released_aliases_are_many_to_one():
    taxonomy = Taxonomy(['ytvis19', 'coco', 'ovis'], aliases='released')
    coco, ovis, y19 = (load_vocabulary(n) for n in ('coco', 'ovis', 'ytvis19'))
    rows = taxonomy.to_union('coco')
    motorbike = taxonomy.to_union('ytvis19')[y19.names.index('motorbike')]
    assert rows[coco.names.index('bicycle')] == rows[coco.names.index('motorcycle')] == motorbike
    assert coco.names[taxonomy.from_union('coco')[motorbike]] == 'motorcycle'
    sedan = taxonomy.to_union('ytvis19')[y19.names.index('sedan')]
    assert ovis.names[taxonomy.from_union('ovis')[sedan]] == 'Vehical'
    bicycle = taxonomy.to_union('ovis')[ovis.names.index('Bicycle')]
    assert bicycle not in rows


def test_two_categories_of_one_vocabulary_do_not_silently_share_a_row():
    garage = vocabulary('garage', 'car', 'sedan')
    with pytest.raises(
        ValueError, match=r"'car' and 'sedan' of vocabulary 'garage' into one row \('car'\)"
    ):
        Taxonomy([garage])
    assert len(Taxonomy([garage], aliases='strict')) == 2


def test_a_vocabulary_from_outside():
    taxonomy = Taxonomy(['uvo', 'ovis'])
    y19 = load_vocabulary('ytvis19')
    with pytest.raises(ValueError, match=r"of 40 categories of vocabulary 'ytvis19' .*'leopard'"):
        taxonomy.to_union('ytvis19')
    rows = taxonomy.to_union('ytvis19', missing='ignore')
    assert rows[y19.names.index('leopard')] == -1
    keys = taxonomy.keys
    assert keys[rows[y19.names.index('sedan')]] == 'car'
    assert taxonomy.mask(y19, missing='ignore').sum() == (rows >= 0).sum() == 19 + 20 - 12
    back = taxonomy.from_union(y19, missing='ignore')
    assert (back[rows[rows >= 0]] == np.flatnonzero(rows >= 0)).all()
    with pytest.raises(ValueError, match='missing must be'):
        taxonomy.to_union('uvo', missing='drop')
    with pytest.raises(ValueError, match='unknown vocabulary'):
        taxonomy.mask('nonsense')


def test_bad_arguments():
    with pytest.raises(ValueError, match='at least one vocabulary'):
        Taxonomy([])
    with pytest.raises(ValueError, match=r"\['ovis'\] stand twice"):
        Taxonomy(['ovis', 'uvo', 'ovis'])
    with pytest.raises(TypeError, match='expected a list'):
        Taxonomy('ovis')


def pair(taxonomy, first, second, **kwargs):
    keys = taxonomy.keys
    return bool(taxonomy.compatible(**kwargs)[keys.index(first), keys.index(second)])


def test_compatible_pairs():
    taxonomy = Taxonomy(['ytvis19', 'ytvis21', 'uvo', 'ovis'])
    matrix = taxonomy.compatible()
    assert matrix.dtype == bool
    assert matrix.shape == (len(taxonomy), len(taxonomy))
    assert matrix.diagonal().all()
    assert (matrix == matrix.T).all()
    for fine in ('owl', 'eagle', 'parrot', 'duck', 'poultry'):
        assert pair(taxonomy, 'bird', fine)
    for fine in ('car', 'bus', 'truck'):
        assert pair(taxonomy, 'vehical', fine)
    assert not pair(taxonomy, 'owl', 'eagle')
    assert not pair(taxonomy, 'mouse', 'computer_mouse')
    assert not pair(taxonomy, 'car', 'truck')
    # UVO's "other" is anything but the other eighty.
    assert pair(taxonomy, 'other', 'giant_panda')
    assert pair(taxonomy, 'other', 'vehical')
    assert not pair(taxonomy, 'other', 'person')


def test_a_vocabulary_that_lists_both_tells_them_apart():
    taxonomy = Taxonomy(['ytvis19', 'ytvis21', 'uvo', 'ovis'])
    assert pair(taxonomy, 'bird', 'owl', vocabulary='ytvis21')
    assert not pair(taxonomy, 'bird', 'parrot', vocabulary='ytvis21')
    assert not pair(taxonomy, 'bird', 'poultry', vocabulary='ovis')
    assert pair(taxonomy, 'bird', 'duck', vocabulary='ovis')
    assert taxonomy.compatible('ovis').diagonal().all()
    assert (taxonomy.compatible('ovis') <= taxonomy.compatible()).all()


def test_unmerged_synonyms_are_compatible():
    taxonomy = Taxonomy(['ytvis19', 'uvo'], aliases='strict')
    assert pair(taxonomy, 'sedan', 'car')
    assert pair(taxonomy, 'motorbike', 'motorcycle')


def test_text_of_a_row():
    alone, joint = Taxonomy(['ytvis19']), Taxonomy(['ytvis19', 'uvo'])
    row = alone.names.index('sedan')
    assert joint.names[row] == 'sedan'
    assert (alone.texts[row], alone.text_keys[row]) == ('sedan', ['sedan', 'car'])
    assert (joint.texts[row], joint.text_keys[row]) == ('car', ['car', 'sedan'])
    assert Taxonomy(['ovis']).texts[24] == 'vehicle'


def test_report_tells_what_was_merged_and_why():
    taxonomy = Taxonomy(THREE)
    report = taxonomy.report()
    reasons = {merge.key: merge.reason for merge in report.merged}
    assert len(report.merged) == 30
    assert reasons['car'] == 'alias sedan -> car'
    assert reasons['giant_panda'] == 'same spelling'
    assert reasons['train'] == 'same name'
    assert report.kept_apart == {'mouse': {'ytvis19': 'mouse', 'uvo': 'computer_mouse'}}
    assert report.overlaps == {
        ('ytvis19', 'uvo'): 19,
        ('ytvis19', 'ovis'): 20,
        ('uvo', 'ovis'): 15,
    }
    text = str(report)
    assert 'ytvis19 (40), uvo (81), ovis (25): 104 rows' in text
    assert 'ytvis19:motorbike, uvo:motorcycle, ovis:Motorcycle' in text
    assert 'mouse: ytvis19 means mouse, uvo means computer_mouse' in text
    data = json.loads(json.dumps(report.to_dict()))
    assert {'pair': ['ytvis19', 'uvo'], 'shared': 19} in data['overlaps']
    assert data['merged'][0]['members'] == ['ytvis19:person', 'uvo:person', 'ovis:Person']


def test_report_of_a_key_given_by_hand():
    a = Vocabulary('a', (Category('computer mouse', 'computer_mouse', 'mouse'),), (1,))
    (merge,) = Taxonomy([a, 'coco']).report().merged
    assert merge.reason == 'same key'


@pytest.mark.parametrize(
    'aliases', ['strict', 'default', 'released', {'merge': {'ape': 'monkey'}, 'many_to_one': True}]
)
def test_state_goes_through_json(aliases):
    taxonomy = Taxonomy([*THREE, vocabulary('mine', 'red car')], aliases)
    state = json.loads(json.dumps(taxonomy.state_dict()))
    again = Taxonomy.from_state_dict(state)
    assert again == taxonomy
    assert again.state_dict() == state
    assert (again.keys, again.names, again.texts) == (taxonomy.keys, taxonomy.names, taxonomy.texts)
    assert (again.compatible() == taxonomy.compatible()).all()
    assert again != Taxonomy(THREE, aliases)


def test_state_that_contradicts_itself_is_refused():
    state = Taxonomy(THREE).state_dict()
    with pytest.raises(ValueError, match='expected version 1, got 2'):
        Taxonomy.from_state_dict({**state, 'version': 2})
    with pytest.raises(ValueError, match='104 rows that are not the 103 rows'):
        Taxonomy.from_state_dict({**state, 'keys': state['keys'][1:]})
    strict = AliasTable.load('strict').state_dict()
    with pytest.raises(ValueError, match='106 rows that are not the 104 rows'):
        Taxonomy.from_state_dict({**state, 'aliases': strict})
