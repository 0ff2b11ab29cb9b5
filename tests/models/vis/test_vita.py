"""VITA and GenVIS: what they share and where they differ, with and without taxonomy."""
import pytest
import torch
from numpy import count_nonzero

from mmtmt.engine import load_into
from mmtmt.models.utils import TensorStore
from mmtmt.structures.tubes import decode_tube
from mmtmt.taxonomy import load_vocabulary
from mmtmt.testing.runners.common import recording
from tests.models.gradients import without_gradient

CONTENTS = [('synth_ytvis', (1, 2)), ('synth_ovis', (3, ))]
KINDS = [dict(type='VITA'), dict(type='GenVIS'), dict(type='GenVIS', frames_per_clip=3)]
kinds = pytest.mark.parametrize('kind', KINDS, ids=['VITA', 'GenVIS-1', 'GenVIS-3'])


def predict(model, video):
    source, sample = video
    return model.predict([source], [sample])[0]


def same(first, second, exactly=False):
    torch.testing.assert_close(
        first.scores, second.scores, **(dict(atol=0, rtol=0) if exactly else {}))
    assert torch.equal(first.labels, second.labels)
    if exactly:
        assert first.tubes == second.tubes
        return
    # a pixel whose logit is nearly 0 may fall on either side when frames are computed with others
    assert list(map(len, first.tubes)) == list(map(len, second.tubes))
    wrong = sum(
        count_nonzero(decode_tube(ours, 60, 90) != decode_tube(theirs, 60, 90))
        for ours, theirs in zip(first.tubes, second.tubes))
    assert wrong <= 1e-5 * 60 * 90 * sum(map(len, first.tubes))


def losses_of(model, batch, seed=5):
    torch.manual_seed(seed)
    return model.train()(**batch, mode='loss')


# --- prediction


@kinds
@pytest.mark.parametrize('taxonomy_aware', [True, False])
def test_neither_steps_nor_what_is_kept_matter(build_model, make_video, kind, taxonomy_aware):
    model = build_model(taxonomy_aware=taxonomy_aware, **kind)
    model.test_cfg.update(frames_per_step=4, clip_length=100)
    expected = predict(model, make_video(13))
    for frames_per_step, clip_length in ((1, 8), (3, 5), (20, 12), (4, 1)):
        model.test_cfg.update(frames_per_step=frames_per_step, clip_length=clip_length)
        found = predict(model, make_video(13))
        same(found.pred_tubes, expected.pred_tubes)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']


@pytest.mark.parametrize('frames_per_clip', [1, 3])
def test_genvis_in_one_pass_misses_nothing_that_was_among_the_best(
        build_model, make_video, frames_per_clip):
    model = build_model(type='GenVIS', frames_per_clip=frames_per_clip)
    expected = predict(model, make_video(20)).pred_tubes
    model.test_cfg.update(long_video='one_pass', one_pass_queries=1000)
    source, sample = make_video(20)
    state = model.init_state(sample.metainfo)
    for start, stop in ((0, 1), (1, 9), (9, 20)):
        model.step(source.read(start, stop), state)
    same(model.finish(state), expected)


@pytest.mark.parametrize('clip_overlap', [0, 2])
def test_vita_in_one_pass_links_clips(build_model, make_video, clip_overlap):
    model = build_model(type='VITA')
    expected = predict(model, make_video(8)).pred_tubes
    model.test_cfg.update(long_video='one_pass', clip_overlap=clip_overlap)
    same(predict(model, make_video(8)).pred_tubes, expected)  # one clip is a whole video
    source, sample = make_video(20)
    state = model.init_state(sample.metainfo)
    with recording(model, 'extract') as extracted:
        model.step(source.read(0, 20), state)
        result = model.finish(state)
    assert not any(record.class_logits is None for record in state.records)
    assert [record.num_frames for record in state.records] == (
        [8, 6, 6] if clip_overlap else [8, 8, 4])
    assert sum(len(features.mask_features) for features in extracted) == 20  # none twice
    assert len(result.scores) == 10 and all(len(tube) == 20 for tube in result.tubes)


def test_vita_decodes_a_long_video_in_blocks(build_model, make_video, monkeypatch):
    model = build_model(type='VITA')
    with recording(model.clip_decoder, 'decode_video') as expected:
        result = predict(model, make_video(40))
    monkeypatch.setattr(TensorStore, 'limit', 6)
    with recording(model.clip_decoder, 'decode_video') as found:
        in_blocks = predict(model, make_video(40))
    for name in ('class_logits', 'mask_embeds', 'query_embeds'):
        torch.testing.assert_close(getattr(found[0], name), getattr(expected[0], name))
    same(in_blocks.pred_tubes, result.pred_tubes)


@kinds
def test_frames_gone_by_leave_next_to_nothing(build_model, make_video, kind):
    model = build_model(**kind)
    source, sample = make_video(40)
    state = model.init_state(sample.metainfo, source)
    model.step(source.read(0, 40), state)
    assert sum(map(len, state.mask_features)) <= 9  # clip_length 8, or a multiple of the clip
    assert not any(record.mask_embeds is not None for record in state.records)
    if kind['type'] == 'VITA':
        assert len(state.tokens) == 40 and state.tokens.read(0, 40).shape[1:] == (9, 32)
    else:
        assert len(state.memory) == 40 // kind.get('frames_per_clip', 1)


@pytest.mark.parametrize('frames_per_clip', [1, 3])
def test_genvis_decodes_again_what_it_decoded_before(build_model, make_video, frames_per_clip):
    model = build_model(type='GenVIS', frames_per_clip=frames_per_clip)
    model.clip_decoder.max_memory = 3
    with recording(model.clip_decoder, 'forward') as clips:
        predict(model, make_video(20))
    again = clips[-(-20 // frames_per_clip):]
    assert len(again) >= 12 // frames_per_clip
    for first, second in zip(clips, again):
        assert torch.equal(first.predictions[-1].mask_embeds, second.predictions[-1].mask_embeds)


@kinds
def test_taxonomies_of_clips_do_not_depend_on_steps(build_model, make_video, kind):
    model = build_model(compile_per='clip', **kind)
    # the injection does something
    torch.nn.init.normal_(model.decoder.injection.blocks[0].cross_attn.out_proj.weight)
    expected = predict(model, make_video(13))
    for frames_per_step, clip_length in ((1, 8), (3, 5), (20, 100), (5, 1)):
        model.test_cfg.update(frames_per_step=frames_per_step, clip_length=clip_length)
        found = predict(model, make_video(13))
        same(found.pred_tubes, expected.pred_tubes)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']
    if kind['type'] == 'VITA':
        model.test_cfg['taxonomy_frames'] = 5
        other = predict(model, make_video(13)).pred_tubes.scores
        assert not torch.allclose(other, expected.pred_tubes.scores, atol=1e-5)


def test_a_bounded_memory(build_model, make_video):
    model = build_model(type='GenVIS')
    expected = predict(model, make_video(12)).pred_tubes
    model.clip_decoder.max_memory = 11
    same(predict(model, make_video(12)).pred_tubes, expected)
    model.clip_decoder.max_memory = 2
    source, sample = make_video(12)
    state = model.init_state(sample.metainfo, source)
    model.step(source.read(0, 12), state)
    assert len(state.memory) == 2
    assert not torch.equal(model.finish(state).scores, expected.scores)


@kinds
@pytest.mark.parametrize('num_frames', [1, 2])
def test_videos_shorter_than_a_clip_or_window(build_model, make_video, kind, num_frames):
    result = predict(build_model(**kind), make_video(num_frames)).pred_tubes
    assert len(result.scores) == 10
    assert all(len(tube) == num_frames for tube in result.tubes)


@kinds
def test_scores_are_class_probability_times_mask_confidence(build_model, make_video, kind):
    model = build_model(**kind)
    see_masks, masks = model.see_masks, {}

    def see(queries, logits, state):
        for query, mask in zip(queries.tolist(), logits.unbind(1)):
            masks.setdefault(query, []).append(mask)
        see_masks(queries, logits, state)

    model.see_masks = see
    with recording(model, 'best_pairs') as best:
        result = predict(model, make_video(5)).pred_tubes
    expected = []
    for score, query in zip(best[-1].scores, best[-1].queries.tolist()):
        logits = torch.cat(masks[query]).flatten()
        inside = logits[logits > 0]
        expected.append(score * inside.sigmoid().mean() if len(inside) else score * 0)
    torch.testing.assert_close(result.scores, torch.stack(expected).sort(descending=True).values)
    assert (result.scores.diff() <= 0).all()


@kinds
def test_a_video_without_a_single_mask_scores_nothing(build_model, make_video, kind):
    model = build_model(**kind)
    with torch.no_grad():
        model.clip_decoder.head.mask_embed[4].weight.zero_()
        model.clip_decoder.head.mask_embed[4].bias.zero_()
    result = predict(model, make_video(10)).pred_tubes
    assert result.tubes == [[None] * 10] * 10 and not result.scores.any()


@kinds
def test_an_instance_away_for_long_has_null_masks(build_model, make_video, kind):
    # black frames between: whatever the model says, each has a mask or null of the right size
    model = build_model(**kind)
    source, sample = make_video(106)
    source.frames[3:103] = 0
    result = predict(model, (source, sample)).pred_tubes
    for tube in result.tubes:
        assert len(tube) == 106
        decode_tube(tube, *sample.metainfo['ori_shape'])


def test_a_video_without_frames_is_refused(build_model, make_video):
    for kind in KINDS:
        model = build_model(**kind)
        with pytest.raises(ValueError, match='without frames'):
            model.finish(model.init_state(make_video(1)[1].metainfo))


# --- training


@kinds
@pytest.mark.parametrize('num_frames', [1, 2, 5])
def test_one_pair_of_criteria_for_frames_and_clips(build_model, make_batch, kind, num_frames):
    model = build_model(**kind)
    losses = losses_of(model, make_batch(model, *CONTENTS, num_frames=num_frames))
    assert all(loss.isfinite() for loss in losses.values())
    clips = 1
    if kind['type'] == 'GenVIS':
        clips = -(-num_frames // kind.get('frames_per_clip', 1))
    of_clips = [name for name in losses if name.startswith('clip')]
    # 2 layers of 3 losses, and the similarity
    assert len(of_clips) == clips * 7
    assert len(losses) - len(of_clips) == 3 * 3 + 3


@kinds
def test_frames_have_the_instances_that_they_show_as_targets(build_model, make_batch, kind):
    model = build_model(**kind)
    batch = make_batch(model, ('synth_ytvis', (1, 2)))
    batch['data_samples'][0].gt_tubes.masks[1, 0] = False
    with recording(model.criterion, 'match') as matched, recording(model, 'frame_losses') as pairs:
        losses_of(model, batch)
    assert all([len(queries) for queries, _ in stage] == [1, 2] for stage in matched)
    # of 2 layers and 2 frames, as indices into the clip
    assert [sorted(found.tolist()) for _, found in pairs[0][1]] == [[0], [0, 1]] * 2


@kinds
@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_scores_learn_what_their_taxonomy_was_compiled_from(
        build_model, make_batch, monkeypatch, kind, compile_per):
    model = build_model(compile_per=compile_per, **kind)
    batch = make_batch(model, ('synth_ovis', (3, 4)), num_frames=3)
    sample = batch['data_samples'][0]
    sample.gt_tubes.masks[0, 1:] = False  # the first object is there in the first frame alone
    learned = []
    monkeypatch.setattr(
        'mmtmt.models.losses.set_criterion.score_loss',
        lambda logits, labels, vocabulary: learned.append(labels) or logits.sum() * 0)
    losses_of(model, batch)
    first, second = model.taxonomy.to_union('synth_ovis')[[3, 4]]
    both, one = sorted([first, second]), [second]
    expected = [both, one, one] if compile_per == 'frame' else [both] * 3
    assert [sorted(labels.tolist()) for labels in learned[0]] == expected


def test_genvis_trains_on_more_instances_than_queries(build_model, make_batch):
    # two instances may come to share a query at one stage and not at another
    decoder = dict(type='GenVISDecoder', num_queries=2, embed_dims=32, num_encoder_layers=2,
                   num_layers=2, num_heads=4, feedforward_dims=48)
    generator = torch.Generator().manual_seed(0)
    for _ in range(15):
        model = build_model(type='GenVIS', clip_decoder=decoder)
        batch = make_batch(model, *[('synth_ovis', (1, 2, 3, 4))] * 2, num_frames=6)
        for sample in batch['data_samples']:
            shown = torch.rand(4, 6, generator=generator) < 0.5
            sample.gt_tubes.masks &= shown[..., None, None]
        total, _ = model.parse_losses(losses_of(model, batch))
        total.backward()
        assert total.isfinite()


@kinds
@pytest.mark.parametrize('mode', ['union', 'masked', 'marginal'])
def test_clips_without_objects_train(build_model, make_batch, kind, mode):
    options = dict(num_points=64, label_space_loss=mode)
    model = build_model(
        criterion=dict(type='VideoSetCriterion', taxonomy_loss='final', **options),
        clip_criterion=dict(type=f'{kind["type"]}Criterion', **options), **kind)
    batch = make_batch(model, ('synth_ytvis', ()), ('synth_uvo', ()), num_frames=4)
    losses = losses_of(model, batch)
    assert all(loss.isfinite() for loss in losses.values())
    model.parse_losses(losses)[0].backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]


@kinds
def test_a_fresh_taxonomy_changes_no_bit(build_model, make_batch, make_video, kind):
    plain, aware = (build_model(taxonomy_aware=aware, **kind) for aware in (False, True))
    missing = aware.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert all('compilation' in key or 'injection' in key for key in missing)
    expected = losses_of(plain, make_batch(plain, *CONTENTS, num_frames=3))
    found = losses_of(aware, make_batch(aware, *CONTENTS, num_frames=3))
    for name, loss in expected.items():
        assert torch.equal(loss, found[name]), name
    expected, found = (predict(model.eval(), make_video(10)).pred_tubes for model in (plain, aware))
    same(expected, found, exactly=True)


@kinds
@pytest.mark.parametrize('compile_per', ['frame', 'clip'])
def test_every_taxonomy_parameter_learns_within_two_steps(
        build_model, make_batch, kind, compile_per):
    model = build_model(compile_per=compile_per, **kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for num_frames in (5, 3):
        optimizer.zero_grad()
        losses = losses_of(model, make_batch(model, *CONTENTS, num_frames=num_frames))
        model.parse_losses(losses)[0].backward()
        optimizer.step()
    assert not without_gradient(model, 'compilation', 'injection')


@kinds
@pytest.mark.parametrize('freeze_taxonomy', [True, False])
def test_a_frozen_detector(build_model, make_batch, kind, freeze_taxonomy):
    model = build_model(freeze_detector=True, freeze_taxonomy=freeze_taxonomy, **kind)
    model.decoder.injection.blocks[0].cross_attn.out_proj.weight.data.normal_()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        losses = losses_of(model, make_batch(model, *CONTENTS, num_frames=3))
        model.parse_losses(losses)[0].backward()
        optimizer.step()
    named = {name for name in losses if not name.startswith('clip')}
    assert named == (set() if freeze_taxonomy else {
        'loss_taxonomy', 'loss_score', 'taxonomy_recall'})
    moved = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    free = ('clip_decoder.', ) if freeze_taxonomy else (
        'clip_decoder.', 'decoder.compilation.', 'decoder.injection.')
    assert all(name.startswith(free) for name in moved)
    assert all(any(name.startswith(part) for name in moved) for part in free)
    assert not any(module.training for module in model.backbone.modules())


def test_matches_of_a_frozen_detector_are_those_of_its_last_layers(build_model, make_batch):
    found = {}
    for frozen in (False, True):
        model = build_model(type='VITA', freeze_detector=frozen)
        with recording(model.criterion, 'assign') as assigned:
            losses_of(model, make_batch(model, *CONTENTS))
        found[frozen] = len(assigned[0])
    assert found == {False: 3, True: 2}


# --- taxonomy


@kinds
def test_more_categories_asked_for_than_there_are(build_model, make_batch, make_video, kind):
    model = build_model(**kind)
    model.decoder.compilation.num_selected = 1000
    losses = losses_of(model, make_batch(model, *CONTENTS, num_frames=3))
    assert losses['taxonomy_recall'] == 1
    sample = predict(model.eval(), make_video(3, 'synth_ovis'))
    assert sorted(sample.metainfo['compiled_labels']) == list(
        range(len(load_vocabulary('synth_ovis'))))


@kinds
def test_the_order_of_the_vocabularies_permutes_the_result_alone(build_model, make_video, kind):
    names = ['synth_ytvis', 'synth_ovis', 'synth_uvo']
    first, second = (build_model(taxonomy=dict(vocabularies=order), **kind)
                     for order in (names, names[::-1]))
    rows = torch.tensor([first.taxonomy.keys.index(key) for key in second.taxonomy.keys])
    weights = first.state_dict()
    for name, value in weights.items():
        if 'cls_embed' in name:
            weights[name] = torch.cat((value[rows], value[-1:]))
    second.load_state_dict(weights)
    expected, found = (predict(model, make_video(5)) for model in (first, second))
    same(found.pred_tubes, expected.pred_tubes)
    assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']


@kinds
def test_words_outside_the_union_need_only_the_clips_to_read_text(build_model, make_video, kind):
    model = build_model(classifier='text', **kind)
    result = predict(model, make_video(3, load_vocabulary('ytvis19'))).pred_tubes
    assert len(result.labels) == 10 and int(result.labels.max()) < 40


# --- weights of other models


@pytest.mark.parametrize('start', ['MinVIS', 'VITA'])
def test_genvis_starts_from_simpler_models(build_model, start):
    source, model = build_model(type=start), build_model(type='GenVIS')
    for parameter in source.parameters():
        parameter.data.add_(0.5)
    load_into(model, dict(meta=dict(model=start), state_dict=source.state_dict()))
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in source.state_dict().items())


def test_class_rows_of_both_decoders_follow_their_categories(build_model):
    coco = build_model(type='VITA', taxonomy_aware=False, taxonomy=dict(vocabularies=['coco']))
    joint = build_model(type='GenVIS', taxonomy=dict(vocabularies=['ytvis19', 'uvo', 'ovis']))
    fresh = joint.clip_decoder.head.cls_embed.weight.detach().clone()
    load_into(joint, dict(
        meta=dict(taxonomy=coco.taxonomy_state()), state_dict=coco.state_dict()))
    place = joint.taxonomy.to_union('coco')
    for rows, source in ((joint.decoder.head, coco.decoder.head),
                         (joint.clip_decoder.head, coco.clip_decoder.head)):
        assert torch.equal(rows.cls_embed.weight[place], source.cls_embed.weight[:-1])
        assert torch.equal(rows.cls_embed.bias[-1], source.cls_embed.bias[-1])
    panda = joint.taxonomy.to_union('ytvis19')[
        load_vocabulary('ytvis19').names.index('giant_panda')]
    assert torch.equal(joint.clip_decoder.head.cls_embed.weight[panda], fresh[panda])


# --- options

COST = dict(type='VideoSetCriterion', taxonomy_loss='cost')


@pytest.mark.parametrize('options, message', [
    (dict(training_layers=3), 'training_layers: expected 1 to 2.*got 3'),
    (dict(freeze_taxonomy=False), 'freeze_taxonomy=False.*needs freeze_detector=True'),
    (dict(freeze_detector=True, freeze_taxonomy=False, taxonomy_aware=False), 'InjectionDecoder'),
    (dict(type='GenVIS', frames_per_clip=0), 'frames_per_clip.*got 0'),
    (dict(taxonomy_aware=False, criterion=COST), "taxonomy_loss='cost' .* needs an InjectionDeco"),
    (dict(freeze_detector=True, criterion=COST), r"model\.criterion: taxonomy_loss='cost' reads"),
    (dict(clip_criterion=dict(type='VITACriterion', taxonomy_loss='cost')),
     r"model\.clip_criterion: taxonomy_loss='cost' reads"),
])
def test_bad_options_are_named(build_model, options, message):
    with pytest.raises(ValueError, match=message):
        build_model(**{'type': 'VITA', **options})
