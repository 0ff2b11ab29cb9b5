import json

import pytest

from mmtmt.taxonomy import AliasTable, Taxonomy


def test_variants_resolve_as_documented():
    strict, default = AliasTable.load('strict'), AliasTable.load('default')
    released, ovis = AliasTable.load('released'), AliasTable.load('released_ovis')
    for key in ('motorbike', 'sedan', 'flying_disc', 'vehical', 'mouse', 'computer_mouse', 'bird'):
        assert strict.resolve(key) == key
    assert default.resolve('motorbike') == default.resolve('motorcycle') == 'motorcycle'
    assert default.resolve('sedan') == 'car'
    assert default.resolve('flying_disc') == 'frisbee'
    assert default.resolve('vehical') == 'vehical'
    assert AliasTable.load('vehical_as_car').resolve('vehical') == default.resolve('sedan') == 'car'
    assert released.resolve('vehical') == 'car'
    assert released.resolve('bicycle', 'uvo') == 'motorcycle'
    assert released.resolve('bicycle', 'ovis') == 'bicycle'
    assert released.resolve('skis', 'coco') == 'snowboard'
    assert {ovis.resolve(k) for k in ('sedan', 'car', 'bus', 'truck')} == {'vehical'}
    assert released.many_to_one
    assert not default.many_to_one


def test_a_star_takes_what_no_other_rule_names():
    table = AliasTable.load({'merge': {'*': 'thing', 'cat': 'animal', 'uvo:dog': 'dog'}})
    assert table.resolve('boat') == table.resolve('thing') == 'thing'
    # chains go on to it, so that nothing is left beside it
    assert table.resolve('cat') == table.resolve('dog', 'uvo') == 'thing'
    assert AliasTable.from_state_dict(table.state_dict()) == table


def test_chains_are_followed_and_spelling_does_not_matter():
    table = AliasTable.load({'merge': {'Race Car': 'sedan', 'sedan': 'CAR', 'ovis:Vehical': 'car'}})
    assert table.resolve('race_car') == 'car'
    assert table.resolve('vehical', 'ovis') == 'car'
    assert table.resolve('vehical', 'mine') == 'vehical'


def test_extension_overrides_the_base():
    table = AliasTable.load(
        {'extends': 'default', 'merge': {'motorcycle': 'motorbike', 'tram': 'train'}}
    )
    assert table.resolve('motorcycle') == table.resolve('motorbike') == 'motorbike'
    assert table.resolve('sedan') == 'car'
    assert ('bird', 'owl') in table.compatible


@pytest.mark.parametrize(
    ('merge', 'path'),
    [
        ({'a': 'b', 'b': 'a'}, 'a -> b -> a'),
        ({'a': 'a'}, 'a -> a'),
        ({'a': 'A'}, 'a -> a'),
        ({'x': 'a', 'a': 'b', 'b': 'c', 'c': 'a'}, 'x -> a -> b -> c -> a'),
        ({'*': 'a', 'a': 'b'}, r'\* -> a -> b -> a'),
    ],
)
def test_cycles_are_refused_with_their_path(merge, path):
    with pytest.raises(ValueError, match=f'cyclic aliases in .*: {path}'):
        AliasTable.load({'merge': merge})


def test_contradictions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'mouse' and 'computer_mouse' are to be kept apart"):
        AliasTable.load({'extends': 'default', 'merge': {'computer_mouse': 'mouse'}})
    with pytest.raises(ValueError, match='to be kept apart'):
        AliasTable.load({'extends': 'default', 'merge': {'uvo:computer mouse': 'mouse'}})
    with pytest.raises(ValueError, match="'red_car' is to be 'car' and 'sedan'"):
        AliasTable.load({'merge': {'red car': 'car', 'Red_car': 'sedan'}})
    path = tmp_path / 'aliases.json'
    path.write_text('{"merge": {"sedan": "car", "sedan": "vehical"}}')
    with pytest.raises(ValueError, match=r"aliases\.json.*two values for 'sedan'"):
        AliasTable.load(path)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'sedan': 'car'}, r"unknown fields \['sedan'\]"),
        ({'merge': [['sedan', 'car']]}, '"merge": expected an object'),
        ({'merge': {'sedan': 3}}, '"merge": expected a category name, got int'),
        ({'compatible': {'bird': 'owl'}}, '"compatible": expected a list of names'),
        ({'compatible': ['bird']}, '"compatible": expected an object'),
        ({'keep_apart': [['mouse']]}, '"keep_apart": expected pairs'),
        ({'keep_apart': 3}, '"keep_apart": expected a list'),
        ({'many_to_one': 'false'}, '"many_to_one": expected true or false'),
        ({'merge': {'car': 'uvo:car'}}, "expected a name alone as what 'car' is to be"),
        ({'extends': 'x.json'}, "unknown aliases 'x.json'"),
        ({'extends': ['strict']}, 'unknown aliases'),
        ({'extends': 'loose'}, "unknown aliases 'loose'.*strict, default, vehical_as_car, rel"),
    ],
)
def test_malformed_tables(fields, message):
    with pytest.raises(ValueError, match=message):
        AliasTable.load(fields)


def test_wrong_type():
    with pytest.raises(TypeError, match='got int'):
        AliasTable.load(3)


def test_file_state_and_hash(tmp_path):
    path = tmp_path / 'aliases.json'
    path.write_text(json.dumps({'extends': 'default', 'merge': {'tram': 'train'}}))
    table = AliasTable.load(path)
    assert AliasTable.load(table) is table
    again = AliasTable.from_state_dict(json.loads(json.dumps(table.state_dict())))
    assert again == table
    assert again.hash == table.hash
    # What counts is the rules, not where they stand.
    assert AliasTable.load({'extends': 'default', 'merge': {'tram': 'train'}}).hash == table.hash
    assert AliasTable.load('default').hash != table.hash


def test_a_rule_for_one_vocabulary_may_have_its_name_of_the_category():
    named = {'extends': 'default', 'merge': {'uvo:mouse': 'pointer'}}
    keyed = {'extends': 'default', 'merge': {'uvo:computer_mouse': 'pointer'}}
    named, keyed = (Taxonomy(['ytvis19', 'uvo'], rules) for rules in (named, keyed))
    assert named == keyed and {'mouse', 'pointer'} <= set(named.keys)
    assert 'computer_mouse' not in named.keys
    assert Taxonomy.from_state_dict(named.state_dict()) == named
