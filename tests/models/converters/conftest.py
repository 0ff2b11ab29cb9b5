"""Official-style state dicts, from the recipes of the golden fixtures."""

from pathlib import Path

import pytest

from mmtmt.models.converters import normalise_weights
from mmtmt.testing import Fixture

GOLDEN = Path(__file__).parents[2] / 'golden'


@pytest.fixture(scope='session')
def official_state():
    """The whole of Mask2Former-VIS with a ResNet-50, 40 categories."""
    return normalise_weights(Fixture.load(GOLDEN / 'm2f_video_inference_a').weights())[0]


@pytest.fixture(scope='session')
def official_swin():
    """Swin-T alone, with the prefix ``backbone.``."""
    return normalise_weights(Fixture.load(GOLDEN / 'swin_tiny_a').weights())[0]
