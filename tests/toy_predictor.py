"""A model that is tested through the runner at no cost."""

import torch

from mmtmt.registry import MODELS
from mmtmt.taxonomy import load_vocabulary
from tests.apis.toy_model import BrightRegions


@MODELS.register_module()
class BrightPredictor(BrightRegions):
    """Predicts whole videos, as the runner asks for, in one vocabulary."""

    def __init__(self, vocabulary):
        super().__init__([vocabulary])
        self.vocabulary = load_vocabulary(vocabulary)

    @torch.no_grad()
    def forward(self, inputs, data_samples=None, mode='tensor'):
        """Only mode 'predict'."""
        assert mode == 'predict'
        for source, sample in zip(inputs, data_samples, strict=True):
            state = self.init_state({**sample.metainfo, 'vocabulary': self.vocabulary}, source)
            self.step(source.read(0, len(source)), state)
            sample.pred_tubes = self.finish(state)
        return data_samples
