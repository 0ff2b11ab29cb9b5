"""Every base predicts in bfloat16, about what it predicts in float32."""
import pytest
import torch

from tests.models.toy_idol import build_idol


@pytest.mark.parametrize('kind', ['Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS', 'IDOL'])
def test_bfloat16_gives_about_the_same(build_model, make_video, kind):
    model = build_idol() if kind == 'IDOL' else build_model(type=kind)
    tubes = []
    for enabled in (False, True):
        source, sample = make_video(4)
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            tubes.append(model.predict([source], [sample])[0].pred_tubes)
    exact, mixed = (found.scores.sort(descending=True).values[:5] for found in tubes)
    assert mixed.dtype == torch.float32 and not torch.equal(exact, mixed)
    torch.testing.assert_close(exact, mixed, rtol=0.05, atol=0.02)
