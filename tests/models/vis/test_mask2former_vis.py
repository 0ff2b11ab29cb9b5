"""Streaming prediction: chunks, long videos, vocabularies."""
import pytest
import torch

from mmtmt.models.outputs import QueryPrediction
from mmtmt.models.vis.video_state import ClipRecord, join_records
from mmtmt.structures.tubes import decode_tube
from mmtmt.taxonomy import Vocabulary, load_vocabulary
from mmtmt.testing.runners.common import recording
from tests.models.vis.runs import nearly_same, predict, same


@pytest.mark.parametrize('frames_per_step', [1, 3, 20])
def test_the_size_of_a_step_does_not_matter(build_model, make_video, frames_per_step):
    model = build_model()
    expected = predict(model, make_video(7)).pred_tubes
    model.test_cfg['frames_per_step'] = frames_per_step
    nearly_same(predict(model, make_video(7)).pred_tubes, expected)


@pytest.mark.parametrize('num_frames', [1, 8, 9, 16, 21])
def test_a_long_video_has_a_mask_or_null_for_every_frame(build_model, make_video, num_frames):
    result = predict(build_model(), make_video(num_frames, ori_shape=(40, 70))).pred_tubes
    assert len(result.scores) == 10
    assert (result.scores.diff() <= 0).all()
    for tube in result.tubes:
        assert len(tube) == num_frames
        decode_tube(tube, 40, 70)


def test_two_passes_read_the_same_masks_that_one_pass_encodes(build_model, make_video):
    model = build_model()
    expected = predict(model, make_video(20)).pred_tubes
    model.test_cfg.update(long_video='one_pass', one_pass_queries=1000)
    nearly_same(predict(model, make_video(20)).pred_tubes, expected)


@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS'])
def test_one_pass_encodes_as_many_as_it_predicts(build_model, make_video, kind):
    model = build_model(type=kind, test_cfg=dict(
        clip_length=8, long_video='one_pass', one_pass_queries=10, max_per_video=10))
    expected = predict(model, make_video(20)).pred_tubes
    model.test_cfg['one_pass_queries'] = 1
    same(predict(model, make_video(20)).pred_tubes, expected)


@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS'])
def test_of_the_clips_of_a_stream_sums_are_kept(build_model, make_video, kind):
    model = build_model(type=kind, test_cfg=dict(
        clip_length=4, long_video='one_pass'))
    source, sample = make_video(21)
    state = model.init_state(sample.metainfo)
    for frame in range(21):
        model.step(source.read(frame, frame + 1), state)
        assert len(state.records) <= 1
    assert state.records[0].num_frames >= 8 and state.records[0].mask_embeds is None
    model.finish(state)
    assert len(state.records) == 2 and sum(record.num_frames for record in state.records) == 21


def test_the_mean_of_a_long_stream_still_moves():
    logits = [torch.full((1, 2), value, dtype=torch.bfloat16) for value in (5., 1.)]
    records = [ClipRecord(4, value, None, None) for value in logits for _ in range(500)]
    joined = records[0]
    for record in records[1:]:
        joined = join_records([joined, record])
    assert joined.num_frames == 4000 and joined.score_logits is None
    torch.testing.assert_close(joined.class_logits, torch.full((1, 2), 3.))


def test_a_stream_that_ends_inside_its_first_clip_needs_no_second_pass(build_model, make_video):
    model = build_model()
    source, sample = make_video(8)
    expected = predict(model, make_video(8)).pred_tubes
    state = model.init_state(sample.metainfo)
    for frame in range(8):
        model.step(source.read(frame, frame + 1), state)
    nearly_same(model.finish(state), expected)


def test_a_long_stream_that_can_not_be_read_again_says_what_to_do(build_model, make_video):
    model = build_model()
    source, sample = make_video(9)
    state = model.init_state(sample.metainfo)
    with pytest.raises(ValueError, match="long_video='one_pass'"):
        model.step(source.read(0, 9), state)


def test_frames_of_another_size_are_refused(build_model, make_video):
    model = build_model()
    source, sample = make_video(2)
    state = model.init_state(sample.metainfo)
    frames = source.read(0, 2)
    model.step(frames, state)
    with pytest.raises(ValueError, match='expected frames of .* like before'):
        model.step(frames[..., :-1], state)


def test_a_video_without_frames_is_refused(build_model, make_video):
    model = build_model()
    with pytest.raises(ValueError, match='without frames'):
        model.finish(model.init_state(make_video(1)[1].metainfo))


def test_identical_clips_are_linked_to_themselves(build_model, make_video):
    # the second clip repeats the first, so every query must continue itself
    model = build_model()
    model.test_cfg.update(long_video='one_pass', clip_overlap=0)
    source, sample = make_video(8)
    state = model.init_state(sample.metainfo)
    model.step(source.read(0, 8), state)
    model.step(source.read(0, 8), state)
    result = model.finish(state)
    first, second = state.records
    torch.testing.assert_close(first.class_logits, second.class_logits)
    for tube in result.tubes:
        assert len(tube) == 16 and tube[:8] == tube[8:]


class Shuffled(torch.nn.Module):
    """A decoder that returns the queries of every call after the first in another order."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.compilation, self.calls = decoder, decoder.compilation, 0

    def forward(self, *args, **kwargs):
        outputs = self.decoder(*args, **kwargs)
        order = torch.randperm(9, generator=torch.Generator().manual_seed(self.calls))
        if self.calls:
            outputs.predictions = [
                QueryPrediction(*(values[:, order] for values in vars(prediction).values()))
                for prediction in outputs.predictions]
        self.calls += 1
        return outputs


@pytest.mark.parametrize('long_video', ['two_pass', 'one_pass'])
@pytest.mark.parametrize('clip_overlap', [0, 1, 4])
def test_the_order_of_a_clips_queries_does_not_matter(
        build_model, make_video, long_video, clip_overlap):
    model = build_model(test_cfg=dict(
        clip_length=8, long_video=long_video, clip_overlap=clip_overlap, one_pass_queries=1000))
    expected = predict(model, make_video(21)).pred_tubes
    model.decoder = Shuffled(model.decoder)
    found = predict(model, make_video(21)).pred_tubes
    assert model.decoder.calls == {0: 3, 1: 3, 4: 5}[clip_overlap]
    nearly_same(found, expected)


def test_shared_frames_have_the_masks_of_the_earlier_clip(build_model, make_video):
    model = build_model(test_cfg=dict(clip_length=8, clip_overlap=3))
    source, sample = make_video(13)
    state = model.init_state(sample.metainfo, source)
    with recording(model, 'extract') as extracted:
        model.step(source.read(0, 13), state)
        result = model.finish(state)
    assert [record.num_frames for record in state.records] == [8, 5]
    # the second pass reads the first clip again, and what was shared was never computed twice
    assert sum(len(features.mask_features) for features in extracted) == 13 + 8
    whole = build_model(test_cfg=dict(clip_length=8))
    state = whole.init_state(sample.metainfo)
    whole.step(source.read(0, 8), state)
    whole.test_cfg['max_per_video'] = 1000
    alone = whole.finish(state)
    assert all(tube[:8] in alone.tubes for tube in result.tubes)


@pytest.mark.parametrize('options', [
    dict(clip_length=13), dict(clip_length=500, clip_overlap=100),
    dict(clip_length=13, long_video='one_pass')])
def test_a_clip_as_long_as_the_video_is_the_video(build_model, make_video, options):
    expected = predict(build_model(test_cfg=dict(clip_length=36)), make_video(13)).pred_tubes
    model = build_model(test_cfg=options)
    nearly_same(predict(model, make_video(13)).pred_tubes, expected)


@pytest.mark.parametrize('clip_overlap', [0, 4, 100])
def test_clips_of_one_frame(build_model, make_video, clip_overlap):
    model = build_model(test_cfg=dict(clip_length=1, clip_overlap=clip_overlap))
    result = predict(model, make_video(3)).pred_tubes
    assert len(result.scores) == 10 and all(len(tube) == 3 for tube in result.tubes)


@pytest.mark.parametrize('num_frames', [3, 21])
def test_a_video_without_a_single_mask(build_model, make_video, num_frames):
    model = build_model()
    with torch.no_grad():
        model.decoder.head.mask_embed[4].weight.zero_()
        model.decoder.head.mask_embed[4].bias.zero_()
    result = predict(model, make_video(num_frames)).pred_tubes
    assert result.tubes == [[None] * num_frames] * 10 and result.scores.isfinite().all()


@pytest.mark.parametrize('vocabulary', ['synth_ytvis', 'synth_ovis', 'synth_uvo'])
def test_given_vocabulary_restricts_labels_and_candidates(build_model, make_video, vocabulary):
    model = build_model()
    sample = predict(model, make_video(3, vocabulary))
    size = len(load_vocabulary(vocabulary))
    assert sample.pred_tubes.labels.max() < size
    assert len(sample.metainfo['compiled_labels']) == 4
    assert max(sample.metainfo['compiled_labels']) < size


def test_unified_vocabulary_drops_what_it_can_not_translate(build_model, make_video):
    model = build_model()
    model.test_cfg.update(vocabulary='unified', max_per_video=10**6)
    everything = 9 * model.num_classes
    covered = 9 * int(model.taxonomy.mask('synth_ytvis').sum())
    sample = predict(model, make_video(2, 'synth_ytvis'))
    assert covered < everything
    assert len(sample.pred_tubes.scores) == covered
    assert sample.metainfo['num_discarded'] == everything - covered


def test_the_order_of_an_evaluation_vocabulary_does_not_matter(build_model, make_video):
    model = build_model()
    vocabulary = load_vocabulary('synth_ovis')
    reversed_ = Vocabulary.from_names('reversed', vocabulary.names[::-1])
    expected = predict(model, make_video(3)).pred_tubes
    found = predict(model, make_video(3, reversed_)).pred_tubes
    torch.testing.assert_close(found.scores, expected.scores)
    assert [reversed_.names[label] for label in found.labels] == [
        vocabulary.names[label] for label in expected.labels]


def test_linear_classifier_names_the_words_that_it_does_not_know(build_model, make_video):
    words = Vocabulary.from_names('words', ['zebra', 'snake', 'toaster'])
    with pytest.raises(ValueError, match='snake.*toaster'):
        predict(build_model(), make_video(2, words))


@pytest.mark.parametrize('taxonomy_aware', [True, False])
def test_text_classifier_takes_any_words_of_its_bank(build_model, make_video, taxonomy_aware):
    # car and sedan share a row of the union, but not of a vocabulary of open words
    words = Vocabulary.from_names('words', ['car', 'sedan', 'toaster'])
    model = build_model(classifier='text', taxonomy_aware=taxonomy_aware)
    result = predict(model, make_video(2, words)).pred_tubes
    assert set(result.labels.tolist()) <= {0, 1, 2}


def test_text_classifier_trains(build_model, make_batch):
    model = build_model(classifier='text').train()
    losses = model(**make_batch(model, ('synth_uvo', (1, 2))), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]


@pytest.mark.parametrize('candidates, expected', [('union', 'all'), ('sample', 'own')])
def test_training_candidates(build_model, make_batch, candidates, expected):
    model = build_model(candidates=candidates)
    batch = make_batch(model, ('synth_ovis', (1, )))
    _, space = model.training_targets(batch['data_samples'])
    found = model.training_context(space).candidates[0]
    own = torch.as_tensor(model.taxonomy.mask('synth_ovis'))
    assert torch.equal(found, torch.ones_like(own) if expected == 'all' else own)


def test_mixed_candidates_toss_a_coin_for_each_sample(build_model, make_batch):
    torch.manual_seed(0)
    model = build_model(candidates='mixed')
    batch = make_batch(model, *[('synth_ovis', (1, ))] * 40)
    _, space = model.training_targets(batch['data_samples'])
    whole = model.training_context(space).candidates.all(dim=1).float().mean()
    assert 0.2 < whole < 0.8


def test_labels_of_targets_are_rows_of_the_union(build_model, make_batch):
    model = build_model()
    batch = make_batch(model, ('synth_uvo', (0, 3)))
    targets, _ = model.training_targets(batch['data_samples'])
    names = load_vocabulary('synth_uvo').keys
    assert [model.taxonomy.keys[row] for row in targets[0].labels] == [names[0], names[3]]


@pytest.mark.parametrize('options, message', [
    (dict(candidates='all'), 'candidates'),
    (dict(test_cfg=dict(vocabulary='own')), 'test_cfg.vocabulary'),
    (dict(test_cfg=dict(long_video='three_pass')), 'test_cfg.long_video'),
    (dict(test_cfg=dict(cliplength=4)), r'test_cfg: expected keys among .*clip_length.*cliplength'),
    (dict(test_cfg=dict(clip_overlap=-1)), 'test_cfg.clip_overlap: expected an integer from 0'),
    (dict(test_cfg=dict(frames_per_step=0)), 'test_cfg.frames_per_step: expected an integer'),
])
def test_bad_options_are_named(build_model, options, message):
    with pytest.raises(ValueError, match=message):
        build_model(**options)


def test_state_for_checkpoints_is_plain_data(build_model):
    import json

    state = build_model().taxonomy_state()
    assert json.loads(json.dumps(state)) == state
    assert state['keys'] and state['text_bank']['hash']
