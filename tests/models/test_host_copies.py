"""A training step reads the device as often as it must: for what is solved on the CPU."""
import pytest
import torch

from mmtmt.models.losses import point_sampling
from mmtmt.registry import MODELS
from tests.models.conftest import make_clip
from tests.models.host_copies import HostCopies, OnHost
from tests.models.toy_idol import toy_idol_config

CONTENTS = [('synth_ytvis', (1, 2)), ('synth_ovis', (3, 3, 0))]


def test_what_was_copied_is_read_freely():
    values = torch.arange(4)
    with HostCopies() as copies:
        on_host = values.cpu()
        assert (on_host * 2).tolist() == [0, 2, 4, 6] and on_host.sum().item() == 6
        assert isinstance(on_host[on_host > 1], OnHost)
        assert values[on_host.to(values.device)].max().item() == 3
        assert torch.zeros(2).tolist() == [0, 0]
        assert len(values[values > 1]) == 2
    assert copies.reads == ['cpu', 'item', 'mask as index']


@pytest.fixture(autouse=True)
def without_numpy(monkeypatch):
    """Choose points as on a device."""
    monkeypatch.setattr(point_sampling, '_lowest', lambda values, count: values.topk(
        count, dim=1, largest=False, sorted=False).indices)


def reads_of(model, batch):
    """Reads of the device during the losses of a batch."""
    torch.manual_seed(0)
    with HostCopies() as copies:
        losses = model.train()(**batch, mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return copies.reads


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


@pytest.mark.parametrize('taxonomy_aware', [False, True])
def test_copies_of_a_step_of_idol(taxonomy_aware):
    model = MODELS.build(toy_idol_config(taxonomy_aware=taxonomy_aware))
    samples = [make_clip(vocabulary, labels) for vocabulary, labels in CONTENTS]
    inputs = [torch.randint(0, 255, (2, 3, 60, 90), dtype=torch.uint8) for _ in samples]
    batch = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), True)
    # what the frames show; costs of all layers, pairs and both frames
    assert reads_of(model, batch) == ['cpu'] * 2
