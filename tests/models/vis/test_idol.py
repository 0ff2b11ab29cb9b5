"""IDOL: pairs in training, an online tracker in prediction, and TMT on both."""
import copy

import numpy as np
import pytest
import torch

from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.tubes import tube_to_json
from mmtmt.taxonomy import load_vocabulary
from tests.models.toy_idol import build_idol
from tests.models.vis.runs import CONTENTS, losses_of, nearly_same, predict, same

# --- prediction


@pytest.mark.parametrize('taxonomy_aware', [True, False])
def test_how_many_frames_are_decoded_at_a_time_does_not_matter(make_video, taxonomy_aware):
    model = build_idol(taxonomy_aware=taxonomy_aware)
    expected = predict(model, make_video(13))
    assert len(expected.pred_tubes.scores) > 5
    for step in (1, 3, 20):
        model.test_cfg.update(frames_per_step=step)
        found = predict(model, make_video(13))
        nearly_same(found.pred_tubes, expected.pred_tubes)
        assert found.metainfo['compiled_labels'] == expected.metainfo['compiled_labels']
    # a stream, whose frames come in other portions than they are decoded in
    source, sample = make_video(13)
    state = model.init_state(sample.metainfo)
    model.test_cfg.update(frames_per_step=4)
    for start, stop in ((0, 1), (1, 9), (9, 13)):
        model.step(source.read(start, stop), state)
    nearly_same(model.finish(state), expected.pred_tubes)


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
