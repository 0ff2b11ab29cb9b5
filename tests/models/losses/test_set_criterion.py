"""The taxonomy terms of the criterion, empty batches, and the independence of its parts."""
import pytest
import torch

from mmtmt.models.task_modules.match_costs import pairwise_mask_costs


def losses_of(model, batch):
    torch.manual_seed(5)
    return model.train()(**batch, mode='loss')


def criterion(**options):
    return dict(type='VideoSetCriterion', num_points=64, **options)


CONTENTS = [('synth_ytvis', (1, 2)), ('synth_ovis', (3, 3, 0))]


def test_own_matching_is_a_heavier_first_class_loss(build_model, make_batch):
    model = build_model(criterion=criterion(taxonomy_loss='own'))
    losses = losses_of(model, make_batch(model, *CONTENTS))
    # weight 2.0 of the class loss and 0.5 of the taxonomy loss on the same cross-entropy
    torch.testing.assert_close(losses['loss_taxonomy'], losses['d0.loss_cls'] * 0.25)


def test_final_matching_differs_from_own(build_model, make_batch):
    values = {}
    for how in ('own', 'final', 'cost'):
        model = build_model(criterion=criterion(taxonomy_loss=how))
        values[how] = losses_of(model, make_batch(model, *CONTENTS))
    assert values['own']['loss_taxonomy'] != values['final']['loss_taxonomy']
    for name in values['own']:
        if name != 'loss_taxonomy':
            assert torch.equal(values['own'][name], values['final'][name])


def test_cost_matches_the_last_stage_by_the_first_stage_classes(build_model, make_batch):
    model = build_model(criterion=criterion(taxonomy_loss='cost'))
    seen = []
    costs = model.criterion.matcher.costs

    def spy(probabilities, *args):
        seen.append(probabilities)
        return costs(probabilities, *args)

    model.criterion.matcher.costs = spy
    losses_of(model, make_batch(model, *CONTENTS))
    # order of matching: last stage (2 clips), then stage 0 (2 clips)
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(seen[2], seen[4])


def test_off_has_no_taxonomy_term(build_model, make_batch):
    model = build_model(criterion=criterion(taxonomy_loss='off'))
    assert 'loss_taxonomy' not in losses_of(model, make_batch(model, *CONTENTS))


@pytest.mark.parametrize('mode', ['union', 'masked', 'marginal'])
@pytest.mark.parametrize('num_frames', [1, 2])
def test_a_batch_without_objects_trains(build_model, make_batch, mode, num_frames):
    model = build_model(criterion=criterion(taxonomy_loss='final', label_space_loss=mode))
    batch = make_batch(model, ('synth_ytvis', ()), ('synth_uvo', ()), num_frames=num_frames)
    losses = losses_of(model, batch)
    assert all(loss.isfinite() for loss in losses.values())
    assert losses['loss_mask'] == 0
    model.parse_losses(losses)[0].backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_mask_losses_are_divided_by_instances_not_frames(build_model, make_batch):
    model = build_model(taxonomy_aware=False, criterion=criterion())
    stage = {}
    for frames in (1, 3):
        batch = make_batch(model, ('synth_ytvis', (1, 2)), num_frames=frames)
        stage[frames] = losses_of(model, batch)
    assert stage[3]['loss_dice'] > 2 * stage[1]['loss_dice']


def test_recall_falls_with_the_number_of_selected_categories(build_model, make_batch):
    model = build_model()
    recalls = []
    for selected in (1, 4, model.num_classes):
        model.decoder.compilation.num_selected = selected
        losses = losses_of(model, make_batch(model, *CONTENTS))
        recalls.append(losses['taxonomy_recall'].item())
    assert recalls == sorted(recalls) and recalls[0] < recalls[-1] == 1


@pytest.mark.parametrize('option', ['label_space_loss', 'taxonomy_loss'])
def test_bad_options_are_named(build_model, option):
    with pytest.raises(ValueError, match=f'criterion.{option}'):
        build_model(criterion=criterion(**{option: 'sum'}))


def test_predictions_that_are_not_finite_give_a_loss_that_is_not_finite(build_model, make_batch):
    model = build_model()
    with torch.no_grad():
        model.decoder.decoder.head.mask_embed[0].weight.fill_(float('nan'))
    losses = losses_of(model, make_batch(model, *CONTENTS))
    assert not losses['loss_mask'].isfinite()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_costs_are_those_of_float32_in_mixed_precision(dtype):
    """Sums over all points leave the range of float16, and the precision of bfloat16."""
    torch.manual_seed(0)
    logits = torch.randn(25088, 6) * 4 - 8
    targets = (torch.rand(3, 25088) > 0.9).float()
    expected = pairwise_mask_costs(logits, targets)
    with torch.autocast('cpu', dtype):
        for mine, other in zip(pairwise_mask_costs(logits, targets), expected):
            assert torch.equal(mine, other)
