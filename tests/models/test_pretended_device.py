"""What a device would see: few reads in a training step, and tensors of one place in each call."""
import pytest
import torch

from mmtmt.registry import MODELS
from mmtmt.taxonomy import Vocabulary
from tests.models.conftest import make_clip
from tests.models.pretended_device import DEVICE, OnHost, PretendedDevice
from tests.models.toy_idol import build_idol, toy_idol_config

CONTENTS = [('synth_ytvis', (1, 2)), ('synth_ovis', (3, 3, 0))]


def test_what_was_copied_is_read_freely():
    values = torch.arange(4)
    with PretendedDevice() as device:
        on_host = values.cpu()
        assert (on_host * 2).tolist() == [0, 2, 4, 6] and on_host.sum().item() == 6
        assert isinstance(on_host[on_host > 1], OnHost)
        assert values[on_host.to(values.device)].max().item() == 3
        assert torch.zeros(2).tolist() == [0, 0]
        assert len(values[values > 1]) == 2
    assert device.reads == ['cpu', 'item', 'mask as index']


def reads_of(model, batch):
    """Reads of the device during the losses of a batch."""
    torch.manual_seed(0)
    with PretendedDevice() as device:
        losses = model.train()(**batch, mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return device.reads


@pytest.mark.parametrize('taxonomy_aware', [False, True])
@pytest.mark.parametrize('kind, expected', [
    ('Mask2FormerVIS', 1),
    ('MinVIS', 1),
    ('VITA', 3),  # what the frames show; matches of the frames; matches of the clips
    ('GenVIS', 3),  # two clips; the second shows nothing new
])
def test_copies_of_a_step(build_model, make_batch, kind, expected, taxonomy_aware):
    model = build_model(type=kind, taxonomy_aware=taxonomy_aware)
    batch = make_batch(model, *CONTENTS)
    assert reads_of(model, batch) == ['cpu'] * expected


@pytest.mark.parametrize('options', [
    dict(not_compiled=['sedan']), dict(candidates='mixed', not_compiled=['sedan']),
    dict(candidates='sample')])
def test_candidates_are_counted_without_a_copy(build_model, make_batch, options):
    model = build_model(**options)
    assert reads_of(model, make_batch(model, *CONTENTS)) == ['cpu']


@pytest.mark.parametrize('taxonomy_aware', [False, True])
def test_copies_of_a_step_of_idol(taxonomy_aware):
    model = MODELS.build(toy_idol_config(taxonomy_aware=taxonomy_aware))
    samples = [make_clip(vocabulary, labels) for vocabulary, labels in CONTENTS]
    inputs = [torch.randint(0, 255, (2, 3, 60, 90), dtype=torch.uint8) for _ in samples]
    batch = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), True)
    # what the frames show; costs of all layers, pairs and both frames
    assert reads_of(model, batch) == ['cpu'] * 2


@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'IDOL'])
def test_features_are_made_without_waiting(build_model, kind):
    model = build_idol() if kind == 'IDOL' else build_model(type=kind)
    frames = torch.rand(2, 3, 64, 96)
    with PretendedDevice() as device, torch.no_grad():
        frames.new_tensor([1]), torch.tensor([1.], device=frames.device)
        torch.ones(1).to(frames.device), torch.ones(1).to(frames.device, non_blocking=True)
        torch.ones(1).to(frames), torch.tensor(1.).to(frames.device)
        assert device.copies == ['new_tensor', 'tensor', 'to', 'to', 'to']
        device.copies.clear()
        model.extract(frames, *[[(60, 90)] * 2] * (kind == 'IDOL'))
    assert device.copies == []


def test_what_lies_in_two_places_is_not_mixed():
    values = torch.arange(4)
    with PretendedDevice() as device:
        made = torch.arange(4)
        values[made] + torch.tensor(3) * values + made.to(values.device)
        torch.stack([made, values.cpu()])
        values * made
        torch.cat([values, made])
    assert device.mixed == ['mul', 'cat']


def mixed_by(model, batch, video):
    """What mixes places while a model is trained on a batch and predicts a video."""
    model.data_preprocessor._device = DEVICE
    with PretendedDevice() as device:
        losses = model.train()(**batch, mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        assert len(model.eval().predict(*[[part] for part in video])[0].pred_tubes)
    return device.mixed


@pytest.mark.parametrize('taxonomy_aware', [False, True])
@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS', 'IDOL'])
def test_nothing_is_mixed(build_model, make_batch, make_video, kind, taxonomy_aware):
    if kind == 'IDOL':
        model = build_idol(taxonomy_aware=taxonomy_aware)
    else:  # a video of three clips
        model = build_model(
            type=kind, taxonomy_aware=taxonomy_aware, test_cfg=dict(clip_length=3))
    assert mixed_by(model, make_batch(model, *CONTENTS), make_video(7)) == []


WORDS = Vocabulary.from_names('words', ['toaster', 'sedan', 'person'])


@pytest.mark.parametrize('label_space_loss, vocabulary, options', [
    ('masked', 'synth_ovis', dict(candidates='mixed')),
    ('marginal', WORDS, dict(candidates='mixed', classifier='text')),
    ('union', 'synth_ovis', dict(classifier='text', test_cfg=dict(vocabulary='unified'))),
])
def test_options_mix_nothing(build_model, make_batch, make_video, label_space_loss, vocabulary,
                             options):
    criterion = dict(
        type='VideoSetCriterion', num_points=64, label_space_loss=label_space_loss)
    model = build_model(criterion=criterion, **options)
    batch = make_batch(model, *CONTENTS, ('synth_ovis', ()))
    assert mixed_by(model, batch, make_video(3, vocabulary=vocabulary)) == []
