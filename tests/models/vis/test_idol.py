"""IDOL: pairs in training, an online tracker in prediction, and TMT on both."""
import copy

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import DefaultScope

from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.tubes import tube_to_json
from mmtmt.taxonomy import Vocabulary, load_vocabulary
from tests.models.gradients import without_gradient
from tests.models.toy_idol import build_idol, toy_idol_config

CONTENTS = [('synth_ytvis', (1, 2)), ('synth_ovis', (3, ))]


def predict(model, video):
    source, sample = video
    return model.predict([source], [sample])[0]


def losses_of(model, batch, seed=5):
    torch.manual_seed(seed)
    return model.train()(**batch, mode='loss')


def same(first, second):
    torch.testing.assert_close(first.scores, second.scores)
    assert torch.equal(first.labels, second.labels)
    assert first.tubes == second.tubes


# --- prediction


@pytest.mark.parametrize('taxonomy_aware', [True, False])
def test_how_many_frames_are_decoded_at_a_time_does_not_matter(make_video, taxonomy_aware):
    model = build_idol(taxonomy_aware=taxonomy_aware)
    expected = predict(model, make_video(13))
    assert len(expected.pred_tubes.scores) > 5
    for step in (1, 3, 20):
        model.test_cfg.update(frames_per_step=step)
        found = predict(model, make_video(13))
        same(found.pred_tubes, expected.pred_tubes)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']
    # a stream, whose frames come in other portions than they are decoded in
    source, sample = make_video(13)
    state = model.init_state(sample.metainfo)
    model.test_cfg.update(frames_per_step=4)
    for start, stop in ((0, 1), (1, 9), (9, 13)):
        model.step(source.read(start, stop), state)
    same(model.finish(state), expected.pred_tubes)


def test_taxonomies_of_clips_do_not_depend_on_steps(make_video):
    model = build_idol(compile_per='clip')
    # the injection does something
    torch.nn.init.normal_(model.decoder.injection.blocks[0].cross_attn.out_proj.weight)
    expected = predict(model, make_video(13))
    for step in (1, 3, 20):
        model.test_cfg['frames_per_step'] = step
        found = predict(model, make_video(13))
        torch.testing.assert_close(found.pred_tubes.scores, expected.pred_tubes.scores)
        assert torch.equal(found.pred_tubes.labels, expected.pred_tubes.labels)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, images: seen.append(len(images[0])))
    model.test_cfg['frames_per_step'] = 1
    predict(model, make_video(3))
    assert seen == [1, 1, 1]  # however many frames share a taxonomy
    model.test_cfg['taxonomy_frames'] = 5
    other = predict(model, make_video(13)).pred_tubes.scores
    assert len(other) != len(expected.pred_tubes.scores) or not torch.allclose(
        other, expected.pred_tubes.scores, atol=1e-5)


def test_an_object_away_for_100_frames_has_a_mask_or_null(make_video):
    source, sample = make_video(106)
    source.frames[3:103] = 0
    result = predict(build_idol(), (source, sample)).pred_tubes
    assert result.tubes and all(len(tube) == 106 for tube in result.tubes)


def test_of_frames_gone_by_only_results_are_kept(make_video):
    model = build_idol()
    source, sample = make_video(30)
    state = model.init_state(sample.metainfo)
    model.step(source.read(0, 30), state)
    tensors = [value for track in state.tracker.tracks.values()
               for value in (track.average, *track.embeds, *track.scores)]
    assert len(state.tracker.tracks) and all(value.numel() <= 32 for value in tensors)
    assert all(len(track.embeds) <= 3 and state.tracker.frame - track.last_frame <= 10
               for track in state.tracker.tracks.values())
    for track in state.log.tracks.values():
        assert track.total.shape == track.highest.shape == state.columns.shape
        assert all(mask is None or set(mask) == {'size', 'counts'} for mask in track.masks.values())


def test_a_video_of_one_frame(make_video):
    result = predict(build_idol(), make_video(1)).pred_tubes
    assert len(result.scores) and all(len(tube) == 1 for tube in result.tubes)


def test_results_are_all_categories_above_the_threshold(make_video):
    model = build_idol()
    several = predict(model, make_video(5)).pred_tubes
    assert bool((several.scores > 0.05).all())
    assert len({id(tube) for tube in several.tubes}) < len(several.tubes)
    model.test_cfg.update(multi_label=False)
    single = predict(model, make_video(5)).pred_tubes
    best = {}
    for score, tube in zip(several.scores.tolist(), several.tubes):
        best[str(tube)] = max(score, best.get(str(tube), 0))
    assert sorted(best.values()) == sorted(single.scores.tolist())
    model.test_cfg.update(track_score='max')
    highest = predict(model, make_video(5)).pred_tubes
    assert bool((highest.scores >= single.scores).all()) and highest.scores[0] > single.scores[0]


def test_a_video_in_which_nothing_is_found(make_video):
    model = build_idol()
    for branch in model.bbox_head.cls_branches:
        torch.nn.init.constant_(branch.bias, -20.0)
    source, sample = make_video(12)
    result = model.predict([source], [sample])[0].pred_tubes
    assert len(result.scores) == len(result.labels) == len(result.tubes) == 0


def test_masks_have_the_size_of_the_stored_frames(make_video):
    result = predict(build_idol(), make_video(3, ori_shape=(37, 71))).pred_tubes
    sizes = {tuple(rle['size']) for tube in result.tubes for rle in tube_to_json(tube) if rle}
    assert sizes == {(37, 71)}


def test_a_repeated_frame_keeps_every_track(make_video):
    model = build_idol()
    source, sample = make_video(1)
    frames = np.repeat(source.frames, 12, axis=0)
    result = model.predict([ArrayFrameSource(frames)], [sample])[0].pred_tubes
    for tube in result.tubes:
        assert tube == [tube[0]] * 12


def test_frames_of_another_size_are_refused(make_video):
    model = build_idol()
    source, sample = make_video(2)
    state = model.init_state(sample.metainfo)
    with pytest.raises(ValueError, match='without frames'):
        model.finish(state)
    model.step(source.read(0, 1)[:0], state)
    with pytest.raises(ValueError, match='without frames'):
        model.finish(state)
    model.step(source.read(0, 1), state)
    with pytest.raises(ValueError, match=r'expected frames of \(60, 90\)'):
        model.step(source.read(1, 2)[..., :80], state)


def test_a_unified_vocabulary_discards_what_it_cannot_name(make_video):
    model = build_idol(test_cfg=dict(vocabulary='unified'))
    sample = predict(model, make_video(4))
    names = load_vocabulary('synth_ovis').names
    assert sample.metainfo['num_discarded'] > 0
    assert bool((sample.pred_tubes.labels < len(names)).all())


# --- training


def test_what_the_key_frame_does_not_show_is_no_target(make_batch):
    model = build_idol(taxonomy_aware=False)
    batch = make_batch(model, ('synth_ytvis', (1, 2)))
    without = copy.deepcopy(batch)
    batch['data_samples'][0].gt_tubes.masks[1, 0] = False
    tubes = without['data_samples'][0].gt_tubes
    without['data_samples'][0].gt_tubes = tubes[torch.tensor([0])]
    expected, found = losses_of(model, without), losses_of(model, batch)
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss, msg=name)
    assert found['loss_reid'] > 0


def test_what_the_reference_frame_does_not_show_is_not_contrasted(make_batch):
    model = build_idol(taxonomy_aware=False)
    batch = make_batch(model, ('synth_ytvis', (1, )))
    batch['data_samples'][0].gt_tubes.masks[0, 1] = False
    losses = losses_of(model, batch)
    assert losses['loss_reid'] == losses['loss_reid_aux'] == 0 and losses['loss_mask'] > 0
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize('mode', ['union', 'masked', 'marginal'])
def test_clips_without_objects_train(make_batch, mode):
    model = build_idol(criterion=dict(
        type='DetectionCriterion', label_space_loss=mode, taxonomy_loss='final'))
    losses = losses_of(model, make_batch(model, ('synth_ytvis', ()), ('synth_uvo', ())))
    assert all(loss.isfinite() for loss in losses.values()) and losses['loss_mask'] == 0
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    model = build_idol(taxonomy_aware=False)
    losses = losses_of(model, make_batch(model, ('synth_ytvis', ()), ('synth_uvo', (1, 2))))
    assert all(loss.isfinite() for loss in losses.values()) and losses['loss_mask'] > 0


def test_more_objects_than_queries(make_batch):
    model = build_idol(taxonomy_aware=False, num_queries=2)
    losses = losses_of(model, make_batch(model, ('synth_ytvis', (1, 2, 3, 4))))
    assert all(loss.isfinite() for loss in losses.values())


def test_clips_of_another_length_are_refused(make_batch):
    model = build_idol()
    with pytest.raises(ValueError, match='clips of 2 frames.*got 3'):
        losses_of(model, make_batch(model, *CONTENTS, num_frames=3))


@pytest.mark.parametrize('taxonomy_aware', [True, False])
@pytest.mark.parametrize('labels', [(1, 2), ()])
def test_images_train_all_but_the_embeddings(make_batch, taxonomy_aware, labels):
    model = build_idol(taxonomy_aware=taxonomy_aware)
    batch = make_batch(model, ('synth_ytvis', labels), ('synth_ovis', labels), num_frames=1)
    losses = losses_of(model, batch)
    assert losses['loss_reid'] == losses['loss_reid_aux'] == 0
    model.parse_losses(losses)[0].backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]
    # a pair whose key frames are these images learns the same of them
    pairs = make_batch(model, ('synth_ytvis', labels), ('synth_ovis', labels), num_frames=2)
    pairs['inputs'][:, 0] = batch['inputs'][:, 0]
    pairs = losses_of(model, pairs)
    for name, loss in losses.items():
        if 'reid' not in name:
            torch.testing.assert_close(loss, pairs[name])


def test_frames_of_a_pair_may_have_sizes_of_their_own(make_batch, monkeypatch):
    model, seen = build_idol(), []
    batch = make_batch(model, *CONTENTS)
    shapes = [[(60, 90), (40, 64)], [(32, 60), (60, 90)]]
    for sample, pair in zip(batch['data_samples'], shapes):
        sample.set_metainfo(dict(frame_shapes=pair))
        for frame, (height, width) in enumerate(pair):
            sample.gt_tubes.masks[:, frame, height:] = False
            sample.gt_tubes.masks[:, frame, :, width:] = False
    extract, assign = model.extract, model.criterion.assign
    monkeypatch.setattr(
        model, 'extract', lambda images, sizes: seen.append(sizes) or extract(images, sizes))
    monkeypatch.setattr(
        model.criterion, 'assign',
        lambda stages, last, targets: seen.append(targets) or assign(stages, last, targets))
    assert all(loss.isfinite() for loss in losses_of(model, batch).values())
    assert seen[0] == [size for pair in shapes for size in pair]
    # the objects lie from column 10 to 60: boxes are fractions of the frame that they lie in
    first, second = seen[1]
    assert first.boxes[0, 2] == pytest.approx(50 / 90)
    assert first.reference_boxes[0, 2] == pytest.approx(50 / 64)
    assert second.boxes[0, 2] == pytest.approx(50 / 60)


def test_dropout_is_for_training_alone(make_batch, make_video):
    model = build_idol(dropout=0.5)
    batch = make_batch(model, *CONTENTS)
    assert losses_of(model, batch, 1)['loss_cls'] != losses_of(model, batch, 2)['loss_cls']
    first, second = (predict(model.eval(), make_video(3)).pred_tubes for _ in range(2))
    same(first, second)


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
    assert torch.equal(expected.scores, found.scores)
    assert torch.equal(expected.labels, found.labels)
    assert expected.tubes == found.tubes


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
    names = ['synth_ytvis', 'synth_ovis', 'synth_uvo']
    first, second = (build_idol(taxonomy=dict(vocabularies=order))
                     for order in (names, names[::-1]))
    rows = torch.tensor([first.taxonomy.keys.index(key) for key in second.taxonomy.keys])
    weights = first.state_dict()
    for name, value in weights.items():
        if 'cls_branches' in name or 'taxonomy_head' in name:
            weights[name] = value[rows]
    second.load_state_dict(weights)
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
