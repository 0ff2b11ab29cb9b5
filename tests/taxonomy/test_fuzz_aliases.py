"""Aliases of any shape end somewhere, or are refused by name."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mmtmt.taxonomy import AliasTable, Taxonomy, Vocabulary

names = st.sampled_from(['cat', 'Cat', 'dog', 'zoo:cat', 'zoo:dog', 'red car', 'owl', 'bird', ''])
values = st.one_of(names, st.none(), st.integers(), st.lists(names, max_size=3))
tables = st.fixed_dictionaries(
    {'merge': st.dictionaries(names, st.one_of(names, names, names, values), max_size=6)},
    optional={
        'extends': st.sampled_from(['default', 'strict', 'nothing', 3]),
        'compatible': st.dictionaries(names, st.lists(names, max_size=2), max_size=2),
        'keep_apart': st.lists(st.lists(names, min_size=1, max_size=3), max_size=2),
        'many_to_one': st.booleans(),
        'other': values,
    },
)
settings.register_profile('same', derandomize=True, database=None, deadline=None, max_examples=200)
VOCABULARIES = [
    Vocabulary.from_names('zoo', ['cat', 'dog', 'red car']),
    Vocabulary.from_names('sky', ['owl', 'bird', 'cat']),
]


@settings(settings.get_profile('same'))
@given(tables)
def test_aliases_end_or_are_refused(table):
    try:
        aliases = AliasTable.load(table)
    except ValueError as error:
        assert 'aliases' in str(error)
        return
    for key in ('cat', 'dog', 'red_car', 'owl', 'bird'):
        for vocabulary in ('', 'zoo', 'sky'):
            end = aliases.resolve(key, vocabulary)
            assert aliases.resolve(end) == end
    try:
        taxonomy = Taxonomy(VOCABULARIES, aliases=aliases)
    except ValueError as error:
        assert 'aliases' in str(error) or 'zoo' in str(error) or 'sky' in str(error)
        return
    assert len(taxonomy.names) <= 6
    for vocabulary in VOCABULARIES:
        assert len(taxonomy.to_union(vocabulary)) == 3
