"""MinVIS: frames on their own in training, queries linked over time in prediction."""
import copy

import numpy as np
import pytest
import torch

from mmtmt.engine import load_into
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.taxonomy import Vocabulary, load_vocabulary
from mmtmt.testing.runners.common import recording
from tests.models.gradients import without_gradient
from tests.models.vis.runs import (
    CONTENTS,
    identical,
    losses_of,
    nearly_same,
    predict,
    with_permuted_rows,
)


@pytest.fixture
def build_minvis(build_model):
    def build(**kwargs):
        return build_model(type='MinVIS', **kwargs)

    return build


# --- prediction


@pytest.mark.parametrize('taxonomy_aware', [True, False])
def test_neither_steps_nor_clips_matter(build_minvis, make_video, taxonomy_aware):
    model = build_minvis(taxonomy_aware=taxonomy_aware)
    expected = predict(model, make_video(13))
    for frames_per_step, clip_length in ((1, 8), (3, 5), (20, 100), (4, 1)):
        model.test_cfg.update(frames_per_step=frames_per_step, clip_length=clip_length)
        found = predict(model, make_video(13))
        nearly_same(found.pred_tubes, expected.pred_tubes)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']


def test_a_stream_in_one_pass_equals_two(build_minvis, make_video):
    model = build_minvis()
    expected = predict(model, make_video(20)).pred_tubes
    model.test_cfg.update(long_video='one_pass', one_pass_queries=1000)
    source, sample = make_video(20)
    state = model.init_state(sample.metainfo)
    for start, stop in ((0, 1), (1, 9), (9, 20)):
        model.step(source.read(start, stop), state)
    nearly_same(model.finish(state), expected)


def test_of_frames_gone_by_only_records_are_kept(build_minvis, make_video):
    model = build_minvis()
    source, sample = make_video(40)
    state = model.init_state(sample.metainfo, source)
    model.step(source.read(0, 40), state)
    assert state.num_waiting == 8 and len(state.records) == 4
    assert not any(record.mask_embeds is not None for record in state.records)
    kept = sum(value.nbytes for record in state.records
               for value in (record.class_logits, record.score_logits, record.orders))
    queries, classes = 9, model.num_classes
    assert kept == 32 * queries * 2 + 4 * 4 * (queries * (classes + 1) + classes)


def test_both_passes_decode_the_same(build_minvis, make_video):
    model = build_minvis()
    model.test_cfg['frames_per_step'] = 3
    with recording(model.decoder, 'forward') as decoded:
        predict(model, make_video(20))
    embeds = [outputs.predictions[-1].mask_embeds for outputs in decoded]
    # clips of 7, 7 and 6 frames, the first two of which are decoded again
    assert list(map(len, embeds)) == [3, 3, 1, 3, 3, 1, 3, 3, 3, 3, 1, 3, 3, 1]
    assert all(map(torch.equal, embeds, embeds[8:]))


def test_taxonomies_of_clips_do_not_depend_on_steps(build_minvis, make_video):
    model = build_minvis(compile_per='clip')
    # the injection does something
    torch.nn.init.normal_(model.decoder.injection.blocks[0].cross_attn.out_proj.weight)
    expected = predict(model, make_video(13))
    for frames_per_step, clip_length in ((1, 8), (3, 5), (20, 100), (4, 1)):
        model.test_cfg.update(frames_per_step=frames_per_step, clip_length=clip_length)
        found = predict(model, make_video(13))
        torch.testing.assert_close(found.pred_tubes.scores, expected.pred_tubes.scores)
        assert torch.equal(found.pred_tubes.labels, expected.pred_tubes.labels)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']
    model.test_cfg['taxonomy_frames'] = 5
    other = predict(model, make_video(13)).pred_tubes.scores
    assert not torch.allclose(other, expected.pred_tubes.scores, atol=1e-5)


def test_a_video_of_one_frame(build_minvis, make_video):
    result = predict(build_minvis(), make_video(1)).pred_tubes
    assert len(result.scores) == 10 and all(len(tube) == 1 for tube in result.tubes)


def test_a_video_without_a_single_mask(build_minvis, make_video):
    model = build_minvis()
    with torch.no_grad():
        # every mask embedding is zero, and no logit is above the threshold
        model.decoder.head.mask_embed[4].weight.zero_()
        model.decoder.head.mask_embed[4].bias.zero_()
    result = predict(model, make_video(10)).pred_tubes
    assert result.tubes == [[None] * 10] * 10


def test_a_repeated_frame_keeps_every_query(build_minvis, make_video):
    model = build_minvis()
    source, sample = make_video(1)
    frames = np.repeat(source.frames, 11, axis=0)
    result = model.predict([ArrayFrameSource(frames)], [sample])[0].pred_tubes
    for tube in result.tubes:
        assert tube == [tube[0]] * 11


# --- training


def test_frames_train_on_their_own(build_minvis, make_batch):
    # a batch of two clips of two frames is a batch of four clips of one frame
    model = build_minvis(taxonomy_aware=False)
    batch = make_batch(model, *CONTENTS)
    single = dict(inputs=batch['inputs'].flatten(0, 1)[:, None], data_samples=[])
    for sample in batch['data_samples']:
        for frame in range(2):
            part = copy.deepcopy(sample)
            part.gt_tubes.masks = sample.gt_tubes.masks[:, frame:frame + 1]
            single['data_samples'].append(part)
    expected, found = losses_of(model, single), losses_of(model, batch)
    assert expected.keys() == found.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss)


def test_an_object_that_a_frame_does_not_show_stays_its_target(build_minvis, make_batch):
    model = build_minvis()
    batch = make_batch(model, ('synth_ytvis', (1, 2)))
    batch['data_samples'][0].gt_tubes.masks[1, 0] = False
    matched = []
    match = model.criterion.match
    model.criterion.match = lambda *args: matched.append(match(*args)) or matched[-1]
    losses = losses_of(model, batch)
    assert all(len(queries) == 2 for frames in matched for queries, _ in frames)
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize('injection', [
    dict(aggregation='cross_attn'), dict(aggregation='add'),
    dict(aggregation='cross_attn', positions='all')])
@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_a_fresh_taxonomy_changes_no_bit(
        build_minvis, make_batch, make_video, injection, compile_per):
    plain = build_minvis(taxonomy_aware=False)
    aware = build_minvis(injection=injection, compile_per=compile_per)
    aware.load_state_dict(plain.state_dict(), strict=False)
    expected = losses_of(plain, make_batch(plain, *CONTENTS, num_frames=3))
    found = losses_of(aware, make_batch(aware, *CONTENTS, num_frames=3))
    for name, loss in expected.items():
        assert torch.equal(loss, found[name]), name
    # clips of 6 frames, which are computed in the same portions
    expected, found = (predict(model.eval(), make_video(12)).pred_tubes
                       for model in (plain, aware))
    identical(expected, found)


@pytest.mark.parametrize('score_supervision', ['bce', 'gate'])
@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_every_parameter_learns_within_two_steps(
        build_minvis, make_batch, score_supervision, compile_per):
    model = build_minvis(
        compilation=dict(score_supervision=score_supervision), compile_per=compile_per)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    # more frames than selected categories, and the other way round
    for num_frames in (5, 3):
        optimizer.zero_grad()
        losses = losses_of(model, make_batch(model, *CONTENTS, num_frames=num_frames))
        model.parse_losses(losses)[0].backward()
        # the first step moves the zero projections of the injection, the second all behind them
        optimizer.step()
    assert not without_gradient(model, 'compilation', 'injection')


def test_taxonomies_of_frames_and_of_clips_differ(build_minvis, make_video):
    models = {unit: build_minvis(compile_per=unit) for unit in ('frame', 'clip')}
    source, sample = make_video(4)
    compiled = {}
    for unit, model in models.items():
        features = model.extract(model.data_preprocessor.normalize(source.read(0, 4)))
        compiled[unit] = model.decoder(
            [level[None] for level in features.multi_scale], features.mask_features[None],
            model.evaluation_space('synth_ovis').context).compiled
    assert len(compiled['frame'].score_logits.unique(dim=0)) == 4
    clip = compiled['clip']
    assert len(clip.score_logits) == 4 and len(clip.score_logits.unique(dim=0)) == 1
    assert len(clip.embeddings) == 4


def test_more_categories_asked_for_than_there_are(build_minvis, make_batch, make_video):
    model = build_minvis()
    model.decoder.compilation.num_selected = 1000
    losses = losses_of(model, make_batch(model, *CONTENTS))
    assert losses['taxonomy_recall'] == 1
    sample = predict(model.eval(), make_video(3, 'synth_ovis'))
    assert sorted(sample.metainfo['compiled_labels']) == list(
        range(len(load_vocabulary('synth_ovis'))))


@pytest.mark.parametrize('mode', ['union', 'masked', 'marginal'])
def test_clips_without_objects_train(build_minvis, make_batch, mode):
    model = build_minvis(criterion=dict(
        type='VideoSetCriterion', num_points=64, label_space_loss=mode, taxonomy_loss='final'))
    losses = losses_of(model, make_batch(model, ('synth_ytvis', ()), ('synth_uvo', ())))
    assert all(loss.isfinite() for loss in losses.values()) and losses['loss_mask'] == 0
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_order_of_the_vocabularies_permutes_the_result_alone(build_minvis, make_video):
    first, second = with_permuted_rows(build_minvis, {'cls_embed': 1})
    expected, found = (predict(model, make_video(5)) for model in (first, second))
    nearly_same(found.pred_tubes, expected.pred_tubes)
    assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']


def test_the_order_of_an_evaluation_vocabulary_permutes_the_labels_alone(build_minvis, make_video):
    model = build_minvis()
    vocabulary = load_vocabulary('synth_ovis')
    reversed_ = Vocabulary.from_names('reversed', vocabulary.names[::-1])
    expected = predict(model, make_video(3)).pred_tubes
    found = predict(model, make_video(3, reversed_)).pred_tubes
    torch.testing.assert_close(found.scores, expected.scores)
    assert found.tubes == expected.tubes
    assert [reversed_.names[label] for label in found.labels] == [
        vocabulary.names[label] for label in expected.labels]


# --- weights of other models


def test_rows_of_coco_start_the_classifier_of_the_union(build_minvis):
    coco = build_minvis(taxonomy_aware=False, taxonomy=dict(vocabularies=['coco']))
    joint = build_minvis(taxonomy=dict(vocabularies=['ytvis19', 'uvo', 'ovis']))
    checkpoint = dict(
        meta=dict(taxonomy=coco.taxonomy_state()), state_dict=coco.state_dict())
    fresh = joint.decoder.head.cls_embed.weight.detach().clone()
    load_into(joint, checkpoint)
    rows, source = joint.decoder.head.cls_embed.weight, coco.decoder.head.cls_embed.weight
    assert torch.equal(rows[joint.taxonomy.to_union('coco')], source[:-1])
    assert torch.equal(rows[-1], source[-1])
    ytvis = load_vocabulary('ytvis19').names
    coco_names = load_vocabulary('coco').names
    for name, same_thing in (('motorbike', 'motorcycle'), ('sedan', 'car')):
        row = joint.taxonomy.to_union('ytvis19')[ytvis.index(name)]
        assert torch.equal(rows[row], source[coco_names.index(same_thing)])
    row = joint.taxonomy.to_union('ytvis19')[ytvis.index('giant_panda')]
    assert torch.equal(rows[row], fresh[row])


def test_a_plain_checkpoint_of_other_categories_keeps_the_rows_of_the_model(build_minvis):
    coco = build_minvis(taxonomy_aware=False, taxonomy=dict(vocabularies=['coco']))
    joint = build_minvis(taxonomy=dict(vocabularies=['ytvis19']))
    fresh = joint.decoder.head.cls_embed.weight.detach().clone()
    report = load_into(joint, dict(state_dict=coco.state_dict()))
    assert len(report.mismatched) == 2  # weight and bias of the classifier
    assert torch.equal(joint.decoder.head.cls_embed.weight, fresh)
    query = coco.decoder.query_feat.weight
    assert torch.equal(joint.decoder.decoder.query_feat.weight, query)


def test_a_checkpoint_of_another_base_is_named(build_model, build_minvis):
    minvis = build_minvis()
    checkpoint = dict(meta=dict(model='MinVIS'), state_dict=minvis.state_dict())
    with pytest.raises(ValueError, match='does not fit Mask2FormerVIS.*weights of MinVIS'):
        load_into(build_model(), checkpoint, strict=True)
    assert load_into(build_model(), checkpoint).complete  # as a start: the parameters are the same


# --- options


@pytest.mark.parametrize('options, message', [
    (dict(injection=dict(aggregation='concat')), 'concat.*FrameMaskDecoder'),
    (dict(compile_per='video'), 'compile_per: expected one of .*frame.*video'),
    (dict(test_cfg=dict(window=3)), 'test_cfg: expected keys among'),
])
def test_bad_options_are_named(build_minvis, options, message):
    with pytest.raises(ValueError, match=message):
        build_minvis(**options)


def test_decoders_of_the_other_unit_are_refused(build_model):
    from tests.models.conftest import toy_model_config

    for kind, unit in (('MinVIS', 'Mask2FormerVIS'), ('Mask2FormerVIS', 'MinVIS')):
        decoder = toy_model_config(type=unit)['decoder']
        with pytest.raises(ValueError, match=f'model.decoder: {kind} expects a decoder of a'):
            build_model(type=kind, decoder=decoder)
    with pytest.raises(ValueError, match="compile_per: expected one of .'clip',."):
        build_model(compile_per='frame')
