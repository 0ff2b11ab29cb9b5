import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mmtmt.taxonomy import Taxonomy, TextBank, load_vocabulary, registered_vocabularies

SHARED = Path(os.environ.get('MMTMT_SHARED', Path(__file__).resolve().parents[2].parent / 'shared'))
THREE = ['ytvis19', 'uvo', 'ovis']


def mean_cosine(rows):
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    return cosines[~np.eye(len(rows), dtype=bool)].mean()


def small_bank(**described):
    rows = np.array([[1, 0, 0], [0, 2, 0], [1, 1, 1]], np.float16)
    return TextBank.from_arrays(['cat', 'red car', 'Dog'], rows, 'test encoder', **described)


def test_shipped_bank_has_every_label_space():
    bank = TextBank.load('minilm')
    assert bank.dim == 384
    assert bank.embeddings.dtype == bank.mean.dtype == np.float32
    for name in registered_vocabularies():
        rows = bank.lookup(load_vocabulary(name))
        assert rows.shape == (len(load_vocabulary(name)), 384)
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    assert 'MiniLM' in bank.encoder
    assert bank.license == 'Apache-2.0'
    assert '{}' in bank.template
    assert np.allclose(bank.mean, bank.embeddings.mean(axis=0), atol=1e-4)


def test_shipped_bank_is_small_and_half_precision():
    from mmtmt.taxonomy.bank_files import BANKS, _read_arrays

    path = BANKS / 'minilm.safetensors'
    arrays, metadata = _read_arrays(path)
    assert arrays['embeddings'].dtype == np.float16
    assert path.stat().st_size < 200_000
    assert {'encoder', 'license', 'template', 'keys', 'texts'} <= set(metadata)


def test_shipped_bank_reads_the_texts_of_the_label_spaces():
    bank = TextBank.load('minilm')
    texts = dict(zip(bank.keys, bank.texts))
    for name in registered_vocabularies():
        vocabulary = load_vocabulary(name)
        assert [texts[key] for key in vocabulary.keys] == vocabulary.texts


def test_whitening_spreads_the_shipped_rows():
    bank = TextBank.load('minilm')
    rows = bank.lookup(Taxonomy(THREE))
    white = bank.whiten(rows)
    assert mean_cosine(rows) > 0.3
    assert abs(mean_cosine(white)) < 0.05
    assert white.dtype == np.float32
    assert np.allclose(np.linalg.norm(white, axis=1), np.sqrt(bank.dim), rtol=1e-4)


def test_related_names_are_close_in_the_shipped_bank():
    bank = TextBank.load('minilm')
    unit = bank.whiten(bank.embeddings, scale=False)
    cosine = dict(zip(bank.keys, unit @ unit[bank.keys.index('bird')]))
    assert min(cosine[k] for k in ('owl', 'eagle', 'parrot', 'duck')) > 0.3
    assert max(cosine[k] for k in ('truck', 'computer_mouse', 'skateboard')) < 0.1


def test_each_whitening_step_can_be_left_out():
    bank = small_bank(mean=np.array([1, 0, 0]))
    rows = bank.lookup(['red_car', 'dog'])
    off = {'center': False, 'normalize': False, 'scale': False}
    assert (bank.whiten(rows, **off) == rows).all()
    assert bank.whiten(rows, **{**off, 'center': True}).tolist() == [[-1, 2, 0], [0, 1, 1]]
    assert np.allclose(bank.whiten(rows, **{**off, 'normalize': True})[0], [0, 1, 0])
    assert np.allclose(bank.whiten(rows, **{**off, 'scale': True}), rows * np.sqrt(3))
    with pytest.raises(ValueError, match=r'expected rows of shape \(K, 3\), got \(2, 2\)'):
        bank.whiten(rows[:, :2])


def test_a_row_that_is_the_mean_becomes_zero_and_not_noise():
    bank = small_bank(mean=np.array([1, 1e-6, 0]))
    white = bank.whiten(bank.lookup(['cat', 'dog']))
    assert not white[0].any()
    assert np.isfinite(white).all()


def test_lookup_by_keys_vocabulary_and_taxonomy():
    bank = TextBank.load('minilm')
    index = {key: i for i, key in enumerate(bank.keys)}
    assert (
        bank.lookup(['Giant panda', 'car']) == bank.embeddings[[index['giant_panda'], index['car']]]
    ).all()
    joint = Taxonomy(THREE)
    rows = bank.lookup(joint)
    for name in THREE:
        keys = [joint.text_keys[row][0] for row in joint.to_union(name)]
        assert (rows[joint.to_union(name)] == bank.embeddings[[index[k] for k in keys]]).all()
    # Alone, YouTube-VIS 2019 reads its own word.
    alone = Taxonomy(['ytvis19'])
    sedan = alone.names.index('sedan')
    assert (bank.lookup(alone)[sedan] == bank.embeddings[index['sedan']]).all()
    rows[:] = 0
    assert bank.embeddings.any()


def test_lookup_falls_back_to_the_other_names_of_a_row():
    bank = TextBank.random(['car'], dim=4)
    alone = Taxonomy([{'name': 'mine', 'names': ['sedan']}])
    assert (bank.lookup(alone) == bank.embeddings).all()


def test_missing_categories_are_all_named(tmp_path):
    path = tmp_path / 'mine.safetensors'
    small_bank().save(path)
    bank = TextBank.load(path)
    mine = load_vocabulary({'name': 'zoo', 'names': ['cat', 'zebra', 'okapi']})
    with pytest.raises(
        ValueError, match="2 of the 3 categories of the vocabulary 'zoo': zebra, okapi"
    ) as error:
        bank.lookup(mine)
    assert str(path) in str(error.value)
    assert 'test encoder' in str(error.value)
    with pytest.raises(ValueError, match='no embedding for 1 of the 2 .* given keys: sedan'):
        bank.lookup(['cat', 'sedan'])
    with pytest.raises(ValueError, match='sedan or car'):
        bank.lookup(Taxonomy([{'name': 'mine', 'names': ['sedan']}]))


def test_unknown_bank_lists_the_shipped_ones():
    with pytest.raises(FileNotFoundError, match="text bank 'minilmm'.*minilm"):
        TextBank.load('minilmm')


def test_file_goes_round(tmp_path):
    bank = small_bank(
        texts=('cat', 'red car', 'dog'),
        template='a {}',
        license='none',
        placeholders=frozenset({'dog'}),
    )
    for dtype in ('float16', 'float32'):
        path = tmp_path / f'{dtype}.safetensors'
        bank.save(path, dtype)
        again = TextBank.load(path)
        assert again.hash == bank.hash
        assert (again.keys, again.texts, again.template) == (bank.keys, bank.texts, bank.template)
        assert (again.encoder, again.license, again.placeholders) == (
            'test encoder',
            'none',
            {'dog'},
        )
        assert (again.embeddings == bank.embeddings).all()
        content = path.read_bytes()
        bank.save(path, dtype)
        assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'float16.safetensors',
        'float32.safetensors',
    ]
    with pytest.raises(ValueError, match='written as .safetensors'):
        bank.save(tmp_path / 'bank.npz')


def test_npz_goes_in(tmp_path):
    bank = small_bank(template='a {}')
    path = tmp_path / 'bank.npz'
    np.savez(
        path,
        keys=np.array(bank.keys),
        embeddings=bank.embeddings,
        mean=bank.mean,
        encoder='test encoder',
        template='a {}',
    )
    assert TextBank.load(path).hash == bank.hash


def test_hash_sees_content_and_not_order():
    bank = small_bank()
    turned = TextBank.from_arrays(bank.keys[::-1], bank.embeddings[::-1], bank.encoder, bank.mean)
    assert turned.hash == bank.hash
    others = [
        small_bank(template='a {}'),
        small_bank(mean=np.ones(3)),
        TextBank.from_arrays(bank.keys, bank.embeddings * 2, bank.encoder, bank.mean),
        TextBank.from_arrays(bank.keys, bank.embeddings, 'another', bank.mean),
        TextBank.from_arrays(['cat', 'dog', 'red_car'], bank.embeddings, bank.encoder, bank.mean),
    ]
    assert len({bank.hash, *(other.hash for other in others)}) == 6


def test_random_rows_depend_on_key_and_seed_alone():
    keys = ['cat', 'dog', 'zebra']
    bank = TextBank.random(keys, dim=32, seed=3)
    assert (TextBank.random(keys[::-1], 32, 3).lookup(keys) == bank.lookup(keys)).all()
    assert not np.allclose(TextBank.random(keys, 32, 4).lookup(keys), bank.lookup(keys))
    taxonomy = Taxonomy(THREE)
    rows = TextBank.random(taxonomy, dim=256).lookup(taxonomy)
    assert rows.shape == (104, 256)
    assert abs(mean_cosine(rows)) < 0.05
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def arrays_per_label_space(seed=0):
    rng = np.random.default_rng(seed)
    rows = {}
    for name in THREE:
        vocabulary = load_vocabulary(name)
        rows[name] = np.stack([rows.setdefault(k, rng.normal(size=8)) for k in vocabulary.keys])
    return {name: rows[name].astype(np.float16) for name in THREE}


@pytest.mark.parametrize('suffix', ['.npz', '.safetensors'])
def test_arrays_per_label_space(tmp_path, suffix):
    arrays = arrays_per_label_space()
    path = tmp_path / f'clip{suffix}'
    if suffix == '.npz':
        np.savez(path, **arrays)
    else:
        save_file(arrays, path)
    bank = TextBank.load(path, encoder='CLIP')
    for name in THREE:
        assert (bank.lookup(load_vocabulary(name)) == arrays[name].astype(np.float32)).all()
    assert bank.encoder == 'CLIP'
    assert TextBank.load(path).encoder == 'unknown (clip)'
    np.savez(tmp_path / 'short.npz', ovis=arrays['ovis'][:-1])
    with pytest.raises(ValueError, match=r"'ovis' has shape \(24, 8\), expected \(25, d\)"):
        TextBank.load(tmp_path / 'short.npz')
    np.savez(tmp_path / 'mixed.npz', ovis=arrays['ovis'], uvo=arrays['uvo'][:, :4])
    with pytest.raises(ValueError, match='differ in length of rows'):
        TextBank.load(tmp_path / 'mixed.npz')


def test_rows_without_a_text_of_their_own(tmp_path, caplog):
    arrays = arrays_per_label_space()
    told = {n: [{'name': c, 'match': 'exact'} for c in load_vocabulary(n).names] for n in THREE}
    # "person" is filled in for the first set alone, "hand" has no row anywhere.
    for name, category in (('ytvis19', 'person'), ('ytvis19', 'hand')):
        label = load_vocabulary(name).names.index(category)
        told[name][label]['match'] = 'derived (mean)'
        arrays[name][label] = 7
    np.savez(tmp_path / 'clip.npz', **arrays)
    (tmp_path / 'clip.json').write_text(json.dumps(told))
    bank = TextBank.load(tmp_path / 'clip.npz')
    assert bank.placeholders == {'hand'}
    assert (bank.lookup(['person']) == arrays['uvo'][0].astype(np.float32)).all()
    with caplog.at_level(logging.WARNING):
        bank.lookup(['dog'])
        assert not caplog.records
        bank.lookup(['dog', 'hand'])
    assert 'hand are placeholders' in caplog.text
    told['ovis'][0]['name'] = 'Human'
    (tmp_path / 'clip.json').write_text(json.dumps(told))
    with pytest.raises(ValueError, match="names of 'ovis' are not those"):
        TextBank.load(tmp_path / 'clip.npz')


def test_disagreeing_rows_are_reported(tmp_path, caplog):
    arrays = arrays_per_label_space()
    arrays['ovis'][0] += 1
    np.savez(tmp_path / 'clip.npz', **arrays)
    with caplog.at_level(logging.WARNING):
        bank = TextBank.load(tmp_path / 'clip.npz')
    assert "row of 'person' in ovis differs" in caplog.text
    assert (bank.lookup(['person']) == arrays['ytvis19'][0].astype(np.float32)).all()


def test_bare_array_with_names(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 6))
    np.save(tmp_path / 'detic.npy', rows)
    bank = TextBank.load(tmp_path / 'detic.npy', names=load_vocabulary('ytvis19'), encoder='CLIP')
    assert np.allclose(bank.lookup(['giant_panda'])[0], rows[1])
    with pytest.raises(ValueError, match=r'2 names were given, but the array has shape \(40, 6\)'):
        TextBank.load(tmp_path / 'detic.npy', names=['cat', 'dog'])
    with pytest.raises(ValueError, match='for a bare array give names'):
        TextBank.load(tmp_path / 'detic.npy')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'not a readable'),
        (b'nonsense', 'not a readable'),
        (b'PK\x03\x04 truncated', 'not a readable'),
    ],
)
@pytest.mark.parametrize('suffix', ['.npz', '.npy', '.safetensors'])
def test_damaged_files_are_named(tmp_path, suffix, content, message):
    path = tmp_path / f'bank{suffix}'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        TextBank.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('keys', ['["cat", 3]', '{}', 'cat'])
def test_unsound_metadata_is_named(tmp_path, keys):
    path = tmp_path / 'bank.safetensors'
    save_file({'embeddings': np.eye(2)}, path, metadata={'keys': keys})
    with pytest.raises(ValueError, match='bank.safetensors: "keys" must be a json list of strings'):
        TextBank.load(path)


def test_pickles_are_not_opened(tmp_path):
    np.savez(
        tmp_path / 'bank.npz', keys=np.array([{'a': 1}], dtype=object), embeddings=np.ones((1, 2))
    )
    with pytest.raises(ValueError, match='not a readable'):
        TextBank.load(tmp_path / 'bank.npz')


@pytest.mark.parametrize(
    ('keys', 'rows', 'message'),
    [
        (['a', 'a'], np.eye(2), r"keys \['a'\] stand twice"),
        (['a'], np.eye(2), r'shape \(1 keys, d\), got float32 \(2, 2\)'),
        (['a', 'b'], np.ones(2), r'shape \(2 keys, d\)'),
        ([], np.ones((0, 2)), r'shape \(0 keys, d\)'),
        (['a', 'b'], np.array([[1, 0], [0, 0]]), r"rows of \['b'\] are zero or not finite"),
        (['a', 'b'], np.array([[1, 0], [np.nan, 1]]), r"rows of \['b'\] are zero or not finite"),
    ],
)
def test_unsound_rows_are_refused(keys, rows, message):
    with pytest.raises(ValueError, match=message):
        TextBank.from_arrays(keys, rows, 'test encoder')


@pytest.mark.realdata
@pytest.mark.skipif(not (SHARED / 'clip').is_dir(), reason='needs the published CLIP embeddings')
@pytest.mark.parametrize(
    ('file', 'dim'), [('clip_rn50_bank.npz', 1024), ('clip_vitb32_bank.npz', 512)]
)
def test_whitening_spreads_clip(file, dim):
    bank = TextBank.load(SHARED / 'clip' / file)
    taxonomy = Taxonomy(['ytvis19', 'ytvis21', 'ovis', 'uvo', 'coco'])
    rows = bank.lookup(taxonomy)
    assert rows.shape == (106, dim)
    assert mean_cosine(rows) > 0.75
    assert abs(mean_cosine(bank.whiten(rows))) < 0.05
    assert 'other' in bank.placeholders


def test_a_row_without_direction_stays_zero_when_it_is_stored(tmp_path):
    rows = np.random.default_rng(0).standard_normal((9, 64)).astype(np.float32) + 3
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[3] = np.delete(rows, 3, 0).mean(0)
    path = tmp_path / 'bank.safetensors'
    for number, zero in ((9, [3]), (1, [0])):
        names = [f'name {i}' for i in range(number)]
        bank = TextBank.from_arrays(names, rows[:number], 'e')
        bank.save(path)
        for one in (bank, TextBank.load(path)):
            white = one.whiten(one.embeddings)
            assert np.flatnonzero(~white.any(axis=1)).tolist() == zero
            np.testing.assert_allclose(white, bank.whiten(rows[:number]), atol=0.02)


@pytest.mark.parametrize('size', [1e6, 1e-6])
def test_rows_that_half_precision_does_not_hold_are_stored_whole(tmp_path, size):
    rows = size * np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    bank = TextBank.from_arrays(['a', 'b', 'c'], rows, 'e')
    bank.save(tmp_path / 'bank.safetensors')
    np.testing.assert_array_equal(TextBank.load(tmp_path / 'bank.safetensors').embeddings, rows)
