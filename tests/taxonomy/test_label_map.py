import numpy as np
import pytest

from mmtmt.taxonomy import LabelMap, load_vocabulary

# How many categories are mapped, and to how many.
SIZES = {
    ('coco', 'ytvis19'): (21, 19),
    ('uvo', 'ytvis19'): (21, 19),
    ('coco', 'ytvis21'): (23, 21),
    ('coco', 'ovis'): (17, 15),
    ('ovis', 'ytvis19'): (21, 21),
}


def by_name(source, target):
    loaded = LabelMap.load(source, target)
    return {
        name: loaded.target.names[label]
        for name, label in zip(loaded.source.names, loaded.labels)
        if label >= 0
    }


@pytest.mark.parametrize(('source', 'target'), SIZES)
def test_released_maps_have_the_size_of_the_published_tables(source, target):
    mapped = by_name(source, target)
    assert (len(mapped), len(set(mapped.values()))) == SIZES[source, target]


def test_released_maps_where_names_differ():
    def renamed(source, target):
        return {
            a: b for a, b in by_name(source, target).items()
            if a.lower().replace(' ', '_') != b.lower()
        }  # fmt: skip

    bikes = {'bicycle': 'motorbike', 'motorcycle': 'motorbike', 'skis': 'snowboard'}
    assert renamed('coco', 'ytvis19') == renamed('uvo', 'ytvis19') == bikes | {'car': 'sedan'}
    assert renamed('coco', 'ytvis21') == bikes | {'frisbee': 'flying_disc'}
    assert renamed('coco', 'ovis') == dict.fromkeys(['car', 'bus', 'truck'], 'Vehical')
    assert renamed('ovis', 'ytvis19') == {'Vehical': 'sedan', 'Motorcycle': 'motorbike'}


def test_released_maps_leave_out_what_they_do_not_name():
    assert LabelMap.load('ovis', 'ytvis19').dropped() == ['Bird', 'Sheep', 'Poultry', 'Bicycle']
    to_ovis = LabelMap.load('coco', 'ovis').dropped()
    assert {'bird', 'train', 'mouse'} <= set(to_ovis) and len(to_ovis) == 80 - 17
    assert {'bird', 'sheep', 'mouse', 'other'} <= set(LabelMap.load('uvo', 'ytvis19').dropped())


def test_labels_are_positions():
    uvo, y19 = load_vocabulary('uvo'), load_vocabulary('ytvis19')
    labels = LabelMap.load('uvo', 'ytvis19').apply(
        np.array([uvo.names.index(n) for n in ('car', 'mouse', 'tennis racket')])
    )
    assert labels.tolist() == [y19.names.index('sedan'), -1, 39]


def test_own_map():
    loaded = LabelMap.load('ovis', {'name': 'mine', 'names': ['animal', 'car']},
                           {'cat': 'animal', 'DOG': 'animal', 'Vehical': 'car'})  # fmt: skip
    assert [loaded.labels[i] for i in (2, 3, 24, 0)] == [0, 0, 1, -1]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('ytvis19', 'ovis'), "from 'ytvis19' to 'ovis'; there are: coco to ytvis19"),
        (('ovis', 'coco', {'Vehicle': 'car'}), "'Vehicle' is no category of 'ovis'"),
        (('ovis', 'coco', {'Vehical': 'auto'}), "'auto' is no category of 'coco'"),
        (('ovis', 'coco', {'Vehical': 3}), "3 is no category of 'coco'"),
        (('ovis', 'coco', ['cat']), "'released' or a dict"),
    ],
)
def test_wrong_maps_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LabelMap.load(*arguments)
