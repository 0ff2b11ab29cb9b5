"""InjectionDecoder: identity at the start, every way of injecting, loading of plain decoders."""
import pytest
import torch

from tests.models.vis.runs import identical

IDENTITY = [dict(aggregation='cross_attn'), dict(aggregation='add'),
            dict(aggregation='cross_attn', positions='all')]


def losses_of(model, batch):
    torch.manual_seed(5)
    return model.train()(**batch, mode='loss')


@pytest.mark.parametrize('injection', IDENTITY)
def test_a_fresh_identity_injection_equals_its_base_bit_for_bit(
        build_model, make_batch, make_video, injection):
    plain = build_model(taxonomy_aware=False)
    aware = build_model(injection=injection)
    report = aware.load_state_dict(plain.state_dict(), strict=False)
    assert not report.unexpected_keys
    assert all('compilation' in key or 'injection' in key for key in report.missing_keys)

    contents = [('synth_ytvis', (1, 2)), ('synth_uvo', (0, ))]
    expected = losses_of(plain, make_batch(plain, *contents))
    found = losses_of(aware, make_batch(aware, *contents))
    for name, loss in expected.items():
        assert torch.equal(loss, found[name]), name

    expected, found = (model.eval().predict(*([item] for item in make_video(5)))[0].pred_tubes
                       for model in (plain, aware))
    identical(expected, found)


@pytest.mark.parametrize('injection', [
    dict(aggregation='cross_attn', init='post_norm'), dict(aggregation='add', init='post_norm'),
    dict(aggregation='concat')
])
def test_other_ways_of_injecting_change_the_predictions_and_train(
        build_model, make_batch, injection):
    plain = build_model(taxonomy_aware=False)
    aware = build_model(injection=injection)
    aware.load_state_dict(plain.state_dict(), strict=False)
    losses = losses_of(aware, make_batch(aware, ('synth_ytvis', (1, 2))))
    base = losses_of(plain, make_batch(plain, ('synth_ytvis', (1, 2))))
    assert losses['loss_cls'] != base['loss_cls']
    aware.parse_losses(losses)[0].backward()
    without = [name for name, parameter in aware.named_parameters() if parameter.grad is None]
    assert not without


@pytest.mark.parametrize('compilation', [dict(score_supervision=how)
                                         for how in ('bce', 'gate', 'none')])
def test_every_parameter_gets_a_gradient(build_model, make_batch, compilation):
    # distributed training fails on parameters that take no part
    model = build_model(compilation=compilation)
    losses = losses_of(model, make_batch(model, ('synth_ytvis', (1, 2)), ('synth_ovis', (3, ))))
    model.parse_losses(losses)[0].backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert ('loss_score' in losses) == (compilation['score_supervision'] == 'bce')


def test_concatenated_embeddings_predict_as_further_queries(build_model, make_video):
    model = build_model(injection=dict(aggregation='concat'))
    state = model.init_state(make_video(2)[1].metainfo)
    model.step(make_video(2)[0].read(0, 2), state)
    model.finish(state)
    assert state.records[0].class_logits.shape[0] == 9 + 4


@pytest.mark.parametrize('injection, message', [
    (dict(aggregation='concat', init='identity'), 'init=None'),
    (dict(aggregation='sum'), 'aggregation'),
    (dict(init='zero'), 'init'),
    (dict(positions='last'), 'positions'),
])
def test_bad_options_are_named(build_model, injection, message):
    with pytest.raises(ValueError, match=message):
        build_model(injection=injection)


def test_text_embeddings_are_required(build_model):
    with pytest.raises(ValueError, match='text_bank'):
        build_model(text_bank=None)
