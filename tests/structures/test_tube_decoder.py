"""Entries of annotation and results files, read with packed tubes and as plain json."""

import json

import pytest

from mmtmt.structures.json_stream import iterate_json_list
from mmtmt.structures.packed_tube import PackedTube
from mmtmt.structures.tube_decoder import _STRETCH, TubeDecoder


def rle(counts='PQ\\o]}'[:5], size=(4, 6)):
    return {'size': list(size), 'counts': counts}


def unpacked(value):
    tube = value.get('segmentations')
    if isinstance(tube, PackedTube):
        frames = [tube.rle(t) for t in range(len(tube))]
        tube = [f and {**f, 'counts': f['counts'].decode()} for f in frames]
    return {**value, 'segmentations': tube}


LISTS = {
    'plain': [rle(), rle('0'), rle('\\\\\\')],
    'one': [rle()],
    'nulls': [None, None, rle(), None, rle('n'), None],
    'null last': [rle(), None],
}
OTHERS = {
    'empty': [],
    'all null': [None, None],
    'no counts': [rle('')],
    'two sizes': [rle(), rle(size=(6, 4))],
    'escapes': [rle('a"b'), rle('\n'), rle('é')],
    'words': [rle('null'), rle('}]'), rle('"}, {"size": [4, 6], "counts": "')],
    'end in a string': [rle(), rle('0}]'), rle()],
    'runs': [{'size': [4, 6], 'counts': [3, 21]}],
    'polygons': [[[0, 0, 2, 0, 2, 2]]],
    'more keys': [{**rle(), 'x': 1}],
    'other order': [{'counts': '0', 'size': [4, 6]}],
    'odd size': [rle(size=(4, 6.5))],
}


@pytest.mark.parametrize('name', [*LISTS, *OTHERS])
@pytest.mark.parametrize('separators', [None, (',', ':'), (', ', ':')])
@pytest.mark.parametrize('tail', [{}, {'areas': [1, None], 'x': {'segmentations': 3}}])
def test_equals_json(name, separators, tail):
    entry = {'video_id': 1, 'score': 0.5, 'segmentations': {**LISTS, **OTHERS}[name], **tail}
    for ascii_only in (True, False):
        text = json.dumps(entry, separators=separators, ensure_ascii=ascii_only)
        value, end = TubeDecoder().raw_decode('..' + text + ', ', 2)
        assert end == 2 + len(text)
        assert unpacked(value) == entry
        if separators != (', ', ':'):
            assert isinstance(value['segmentations'], PackedTube) == (name in LISTS)


@pytest.mark.parametrize(
    'text',
    [
        '{"segmentations": [null, {"size": [4, 6], "counts": "0"}] "a": 1}',
        '{"segmentations": [null, {"size": [4, 6], "counts": "0"}],}',
        '{"a": 1 "segmentations": [{"size": [4, 6], "counts": "0"}]}',
        '{"a": 1,, "segmentations": [{"size": [4, 6], "counts": "0"}]}',
        '{"segmentations": [null {"size": [4, 6], "counts": "0"}]}',
        '{"segmentations": [{"size": [4, 6], "counts": "0"}',
        '{"segmentations": [{"size": [4, 6], "counts": "0"}]',
        '{"segmentations": -[{"size": [4, 6], "counts": "0"}]}',
        '{"segmentations": 0e[{"size": [4, 6], "counts": "0"}]}',
    ],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(json.JSONDecodeError):
        TubeDecoder().raw_decode(text)


@pytest.mark.parametrize('chunk', [1, 30, 10**6])
def test_stream(tmp_path, chunk):
    entries = [{'a': 1, 'segmentations': tube} for tube in [*LISTS.values(), *OTHERS.values()]]
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(entries), encoding='utf-8')
    read = iterate_json_list(path, chunk, TubeDecoder())
    assert list(map(unpacked, read)) == entries


def test_only_the_list_of_the_key_is_taken():
    entry = {'segmentations': 0, 'a': LISTS['plain']}
    assert TubeDecoder().raw_decode(json.dumps(entry, separators=(',', ':')))[0] == entry


def test_long_lists_end_where_they_end():
    for last in (rle(), None):
        for length in (1, _STRETCH // 39, _STRETCH // 39 + 1, _STRETCH // 20):
            entry = {'segmentations': [*[rle('0' * (length % 7))] * length, rle('n'), last]}
            for shift in range(8):
                text = json.dumps({'a': ' ' * shift, **entry})
                value, end = TubeDecoder().raw_decode(text + ', null]}]')
                assert end == len(text)
                assert unpacked(value)['segmentations'] == entry['segmentations']


@pytest.mark.parametrize('name', ['polygons', 'all null', 'runs'])
def test_the_end_of_other_lists_is_not_looked_for(name):
    """Every entry would read all that follow: reading would take the square of their number."""

    class Text(str):
        searched = 0

        def find(self, what, start=0, stop=None):
            found = super().find(what, start, len(self) if stop is None else stop)
            Text.searched += (found if found >= 0 else min(stop, len(self))) - start
            return found

    text = Text(json.dumps([{'segmentations': OTHERS[name], 'a': 1}] * 500))
    decoder, position = TubeDecoder(), 1
    while text.startswith('{', position):
        position = decoder.raw_decode(text, position)[1] + len(', ')
    assert position == len(text) + 1 and Text.searched < 2 * len(text)
