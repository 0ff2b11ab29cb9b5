"""VITA and GenVIS: training, taxonomy, weights of other models and options."""
from functools import partial

import pytest
import torch

from mmtmt.engine import load_into
from mmtmt.taxonomy import load_vocabulary
from mmtmt.testing.runners.common import recording
from tests.models.gradients import without_gradient
from tests.models.vis.runs import (
    CONTENTS,
    identical,
    kinds,
    losses_of,
    nearly_same,
    predict,
    with_permuted_rows,
)

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
    identical(expected, found)


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
        losses_have_points = [one.draws is not None for one in assigned[0]]
    assert found == {False: 3, True: 2}
    assert not any(losses_have_points)  # of a frozen one


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
    first, second = with_permuted_rows(partial(build_model, **kind), {'cls_embed': 1})
    expected, found = (predict(model, make_video(5)) for model in (first, second))
    nearly_same(found.pred_tubes, expected.pred_tubes)
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
