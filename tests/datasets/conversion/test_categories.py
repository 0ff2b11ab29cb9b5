"""Names of categories in any spelling, and which ids they get."""

import pytest

from mmtmt.datasets.conversion.categories import CategoryIds
from mmtmt.taxonomy import Category, Vocabulary


def test_names_are_numbered_as_they_come():
    ids = CategoryIds(None)
    assert [ids.id_of(name) for name in ('cat', 'sea_lion', 'Cat', 'Sea Lion')] == [1, 2, 1, 2]
    assert [entry['name'] for entry in ids.to_json()] == ['cat', 'sea_lion']


def test_names_that_differ_in_their_spelling_alone_stay_apart():
    animal, device = Category.from_name('Mouse'), Category.from_name('mouse', 'computer_mouse')
    ids = CategoryIds(Vocabulary('desk', (animal, device), (3, 8)))
    assert (ids.id_of('Mouse'), ids.id_of('mouse')) == (3, 8)
    assert [entry['id'] for entry in ids.to_json()] == [3, 8]
    with pytest.raises(ValueError, match=r"'MOUSE' may be any of \['Mouse', 'mouse'\].*'desk'"):
        ids.id_of('MOUSE')
    with pytest.raises(ValueError, match="category of vocabulary 'desk'.*got 'rat'"):
        ids.id_of('rat')
