"""IDOL: what a taxonomy changes, weights of other models, names and options."""
import copy

import pytest
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import DefaultScope

from mmtmt.taxonomy import Vocabulary, load_vocabulary
from tests.models.gradients import without_gradient
from tests.models.toy_idol import build_idol, toy_idol_config
from tests.models.vis.runs import CONTENTS, identical, losses_of, predict, with_permuted_rows

# --- taxonomy


@pytest.mark.parametrize('injection', [
    dict(aggregation='cross_attn'), dict(aggregation='add'),
    dict(aggregation='cross_attn', positions='all')])
@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_a_fresh_taxonomy_changes_no_bit(make_batch, make_video, injection, compile_per):
    plain = build_idol(taxonomy_aware=False)
    aware = build_idol(injection=injection, compile_per=compile_per)
    missing, unexpected = aware.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert all(name.startswith(('decoder.compilation', 'decoder.injection', 'taxonomy_head'))
               for name in missing)
    expected = losses_of(plain, make_batch(plain, *CONTENTS))
    found = losses_of(aware, make_batch(aware, *CONTENTS))
    assert set(found) - set(expected) == {'loss_taxonomy', 'loss_score', 'taxonomy_recall'}
    for name, loss in expected.items():
        assert torch.equal(loss, found[name]), name
    expected, found = (predict(model.eval(), make_video(10)).pred_tubes
                       for model in (plain, aware))
    identical(expected, found)


@pytest.mark.parametrize('score_supervision', ['bce', 'gate'])
@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_every_parameter_learns_within_two_steps(make_batch, score_supervision, compile_per):
    model = build_idol(
        compilation=dict(score_supervision=score_supervision), compile_per=compile_per)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        losses = losses_of(model, make_batch(model, *CONTENTS))
        model.parse_losses(losses)[0].backward()
        # the first step moves the zero projections of the injection, the second all behind them
        optimizer.step()
    assert not without_gradient(model, 'compilation', 'injection', 'taxonomy_head')


def test_the_taxonomy_reads_the_levels_of_the_encoder(make_video):
    model = build_idol(compilation=dict(feature_levels=(0, 1, 2)))
    source, _ = make_video(3)
    images = model.data_preprocessor.normalize(source.read(0, 3), (96, 160))
    memory = model.extract(images, [(60, 90)] * 3)
    context = model.evaluation_space('synth_ovis').context
    compiled = model.decode(memory, 3, context).compiled
    assert len(compiled.score_logits.unique(dim=0)) == 3  # one per frame
    # what lies outside of the images is out of sight, and so is the level of stride 64
    levels = [height * width for height, width in memory.spatial_shapes]
    assert bool(memory.padding.any())
    memory.tokens[memory.padding] = 1e3
    memory.tokens[:, -levels[3]:] = 1e3
    other = model.decode(memory, 3, context).compiled
    torch.testing.assert_close(other.score_logits, compiled.score_logits)


def test_the_taxonomy_of_a_clip_is_that_of_all_its_frames(make_video):
    model = build_idol(compile_per='clip')
    source, _ = make_video(4)
    memory = model.extract(model.data_preprocessor.normalize(source.read(0, 4)), [(60, 90)] * 4)
    compiled = model.decode(memory, 4, model.evaluation_space('synth_ovis').context).compiled
    assert len(compiled.score_logits) == 4 and len(compiled.score_logits.unique(dim=0)) == 1


@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_scores_learn_what_their_taxonomy_was_compiled_from(make_batch, monkeypatch, compile_per):
    model = build_idol(compile_per=compile_per)
    batch = make_batch(model, ('synth_ovis', (3, 4)))
    batch['data_samples'][0].gt_tubes.masks[0, 0] = False  # there in the reference frame alone
    learned = []
    monkeypatch.setattr(
        'mmtmt.models.losses.detection_criterion.score_loss',
        lambda logits, labels, vocabulary: learned.append(labels) or logits.sum() * 0)
    losses_of(model, batch)
    shown = [3, 4] if compile_per == 'clip' else [4]
    expected = sorted(model.taxonomy.to_union('synth_ovis')[shown].tolist())
    assert [sorted(labels.tolist()) for labels in learned[0]] == [expected]


def test_more_categories_asked_for_than_there_are(make_batch, make_video):
    model = build_idol()
    model.decoder.compilation.num_selected = 1000
    losses = losses_of(model, make_batch(model, *CONTENTS))
    assert losses['taxonomy_recall'] == 1
    sample = predict(model.eval(), make_video(3, 'synth_ovis'))
    assert sorted(sample.metainfo['compiled_labels']) == list(
        range(len(load_vocabulary('synth_ovis'))))


def test_the_order_of_the_vocabularies_permutes_the_result_alone(make_video):
    first, second = with_permuted_rows(build_idol, {'cls_branches': 0, 'taxonomy_head': 0})
    expected, found = (predict(model, make_video(6)) for model in (first, second))
    assert by_content(found.pred_tubes) == by_content(expected.pred_tubes)
    assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']


def test_the_order_of_an_evaluation_vocabulary_permutes_the_labels_alone(make_video):
    model = build_idol()
    vocabulary = load_vocabulary('synth_ovis')
    reversed_ = Vocabulary.from_names('reversed', vocabulary.names[::-1])
    expected = predict(model, make_video(3)).pred_tubes
    found = predict(model, make_video(3, reversed_)).pred_tubes
    expected.labels, found.labels = (
        [names[label] for label in result.labels]
        for names, result in ((vocabulary.names, expected), (reversed_.names, found)))
    assert by_content(found) == by_content(expected)


def by_content(results):
    """Results as a sorted list; the results of a track come in the order of the categories."""
    labels = results.labels if isinstance(results.labels, list) else results.labels.tolist()
    return sorted((round(score, 5), str(label), str(tube)) for score, label, tube in zip(
        results.scores.tolist(), labels, results.tubes))


# --- names and options


def test_loads_what_mmdet_trained(make_video):
    """The same parameter names, and the same boxes and classes."""
    toy = toy_idol_config(taxonomy_aware=False)
    attention = dict(embed_dims=32, num_heads=4)
    deformable = dict(attention, num_levels=4)
    ffn = dict(embed_dims=32, feedforward_channels=48)
    model = build_idol(taxonomy_aware=False)
    config = dict(
        type='DeformableDETR', num_queries=9, num_feature_levels=4, with_box_refine=True,
        backbone=dict(toy['backbone'], type='ResNet'), neck=dict(toy['neck'], type='ChannelMapper'),
        encoder=dict(num_layers=1, layer_cfg=dict(self_attn_cfg=deformable, ffn_cfg=ffn)),
        decoder=dict(num_layers=2, return_intermediate=True, post_norm_cfg=None, layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=deformable, ffn_cfg=ffn)),
        positional_encoding=dict(num_feats=16, normalize=True, offset=-0.5),
        bbox_head=dict(type='DeformableDETRHead', num_classes=model.num_classes, embed_dims=32,
                       sync_cls_avg_factor=True, loss_cls=dict(
                           type='FocalLoss', use_sigmoid=True)))
    with DefaultScope.overwrite_default_scope('mmdet'):
        theirs = MMDET_MODELS.build(config).eval()
    own = model.state_dict()
    names = {name for name in own if not name.startswith(
        ('mask_', 'reid_head'))}
    assert names == set(theirs.state_dict())
    theirs.load_state_dict({name: own[name] for name in names})
    source, sample = make_video(2)
    images = model.data_preprocessor.normalize(source.read(0, 2))
    metas = [dict(img_shape=(60, 90), batch_input_shape=tuple(images.shape[-2:]))] * 2
    with torch.no_grad():
        memory = model.extract(images, [(60, 90)] * 2)
        found = model.decode(memory, 2, model.evaluation_space('synth_ovis').context)
        samples = [copy.deepcopy(sample) for _ in metas]
        for one, meta in zip(samples, metas):
            one.set_metainfo(meta)
        encoder_inputs, decoder_inputs = theirs.pre_transformer(
            theirs.extract_feat(images), samples)
        encoded = theirs.forward_encoder(**encoder_inputs)
        more, _ = theirs.pre_decoder(**encoded)
        hidden = theirs.forward_decoder(**{**decoder_inputs, **more})
        logits, boxes = theirs.bbox_head(**hidden)
    torch.testing.assert_close(memory.tokens, encoded['memory'], rtol=1e-4, atol=1e-4)
    for layer, prediction in enumerate(found.predictions):
        torch.testing.assert_close(prediction.class_logits, logits[layer], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(prediction.boxes, boxes[layer], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('options, message', [
    (dict(injection=dict(aggregation='concat')), 'concat.*DeformableDecoder'),
    (dict(compilation=dict(feature_levels='mask')), "feature_levels='mask': IDOL has no mask"),
    (dict(test_cfg=dict(max_per_video=3)), 'test_cfg: expected keys among'),
    (dict(test_cfg=dict(box_nms=3)), 'box_nms: expected a number from 0 to 1, got 3'),
    (dict(test_cfg=dict(multi_label=1)), 'multi_label: expected True or False, got 1'),
    (dict(test_cfg=dict(track_score='sum')), 'track_score: expected one of'),
    (dict(criterion=dict(type='DetectionCriterion', taxonomy_loss='own')),
     'criterion.taxonomy_loss: expected one of'),
])
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build_idol(**options)


def test_words_outside_of_the_union_are_named(make_video):
    with pytest.raises(ValueError, match='not trained on .*teapot'):
        predict(build_idol(), make_video(1, Vocabulary.from_names('kitchen', ['teapot'])))
