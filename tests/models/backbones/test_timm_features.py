import pytest
import torch

from mmtmt.models.backbones import TimmFeatures

timm = pytest.importorskip('timm')


@pytest.mark.parametrize(
    'name, kwargs',
    [
        ('resnet18', {}),
        ('convnext_atto', {}),
        ('swin_s3_tiny_224', dict(img_size=(64, 96))),
    ],
)
def test_maps_of_the_asked_strides(name, kwargs):
    model = TimmFeatures(model_name=name, model_kwargs=kwargs).eval()
    maps = model(torch.zeros(1, 3, 64, 96))
    assert [tuple(value.shape) for value in maps] == [
        (1, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(model.out_channels, (4, 8, 16, 32))
    ]


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_come_from_a_file(suffix, tmp_path):
    reference = timm.create_model('resnet10t').eval()
    path = tmp_path / f'weights{suffix}'
    if suffix == '.pth':
        torch.save(reference.state_dict(), path)
    else:
        from safetensors.torch import save_file

        save_file(reference.state_dict(), path)
    model = TimmFeatures(model_name='resnet10t', weights=str(path), strides=(32,))
    model.init_weights()
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model.eval()(image)[0], reference.forward_features(image))


def test_frozen_model_does_not_change():
    model = TimmFeatures(model_name='resnet10t', frozen=True).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    maps = model(torch.randn(2, 3, 64, 64))
    assert not any(value.requires_grad for value in maps)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_unknown_names_and_strides(tmp_path):
    with pytest.raises(ValueError, match=r"no model 'resnet19'.*resnet"):
        TimmFeatures(model_name='resnet19')
    with pytest.raises(ValueError, match=r'strides \[2, 4, 8, 16, 32\], not of \[64\]'):
        TimmFeatures(model_name='resnet10t', strides=(4, 64))
    with pytest.raises(FileNotFoundError, match='resnet10t'):
        TimmFeatures(model_name='resnet10t', weights=str(tmp_path / 'no.pth')).init_weights()


def test_weights_of_another_model_are_refused(tmp_path):
    path = tmp_path / 'other.pth'
    torch.save(timm.create_model('convnext_atto').state_dict(), path)
    model = TimmFeatures(model_name='resnet10t', weights=str(path))
    with pytest.raises(ValueError, match=r'other.pth has no .* of timm model resnet10t'):
        model.init_weights()


def test_reading_weights_draws_no_random_numbers(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(timm.create_model('resnet10t').state_dict(), path)
    model = TimmFeatures(model_name='resnet10t', weights=str(path))
    before = torch.get_rng_state()
    model.init_weights()
    assert torch.equal(torch.get_rng_state(), before)
