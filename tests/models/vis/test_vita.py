"""VITA and GenVIS: what they share in prediction, and where they differ."""
import pytest
import torch

from mmtmt.models.utils import TensorStore
from mmtmt.testing.runners.common import recording
from tests.models.vis.runs import KINDS, kinds, nearly_same, predict

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
        nearly_same(found.pred_tubes, expected.pred_tubes)
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
    nearly_same(model.finish(state), expected)


@pytest.mark.parametrize('clip_overlap', [0, 2])
def test_vita_in_one_pass_links_clips(build_model, make_video, clip_overlap):
    model = build_model(type='VITA')
    expected = predict(model, make_video(8)).pred_tubes
    model.test_cfg.update(long_video='one_pass', clip_overlap=clip_overlap)
    nearly_same(predict(model, make_video(8)).pred_tubes, expected)  # one clip is a whole video
    source, sample = make_video(20)
    state = model.init_state(sample.metainfo)
    with recording(model, 'extract') as extracted:
        model.step(source.read(0, 20), state)
        result = model.finish(state)
    assert not any(record.class_logits is None for record in state.records)
    assert [record.num_frames for record in state.records] == (
        [14, 6] if clip_overlap else [16, 4])
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
    nearly_same(in_blocks.pred_tubes, result.pred_tubes)


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
        nearly_same(found.pred_tubes, expected.pred_tubes)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']
    if kind['type'] == 'VITA':
        model.test_cfg['taxonomy_frames'] = 5
        other = predict(model, make_video(13)).pred_tubes.scores
        assert not torch.allclose(other, expected.pred_tubes.scores, atol=1e-5)


def test_a_bounded_memory(build_model, make_video):
    model = build_model(type='GenVIS')
    expected = predict(model, make_video(12)).pred_tubes
    model.clip_decoder.max_memory = 11
    nearly_same(predict(model, make_video(12)).pred_tubes, expected)
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


def test_a_video_without_frames_is_refused(build_model, make_video):
    for kind in KINDS:
        model = build_model(**kind)
        with pytest.raises(ValueError, match='without frames'):
            model.finish(model.init_state(make_video(1)[1].metainfo))
