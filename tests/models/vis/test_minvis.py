"""MinVIS: frames on their own in training, queries linked over time in prediction."""
import pytest
import torch


@pytest.fixture
def build_minvis(build_model):
    def build(**kwargs):
        return build_model(type='MinVIS', **kwargs)

    return build


def predict(model, video):
    source, sample = video
    return model.predict([source], [sample])[0]


def same(first, second):
    torch.testing.assert_close(first.scores, second.scores)
    assert torch.equal(first.labels, second.labels)
    assert first.tubes == second.tubes


@pytest.mark.parametrize('taxonomy_aware', [True, False])
@pytest.mark.parametrize('frames_per_step', [1, 3, 20])
def test_the_size_of_a_step_does_not_matter(
        build_minvis, make_video, taxonomy_aware, frames_per_step):
    model = build_minvis(taxonomy_aware=taxonomy_aware)
    expected = predict(model, make_video(20)).pred_tubes
    model.test_cfg['frames_per_step'] = frames_per_step
    same(predict(model, make_video(20)).pred_tubes, expected)
    model.test_cfg['clip_length'] = 5
    same(predict(model, make_video(20)).pred_tubes, expected)
