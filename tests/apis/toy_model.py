"""A stand-in for a trained model: every bright frame region is an object of the first category."""

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

from mmtmt.registry import MODELS
from mmtmt.structures.tubes import encode_tube
from mmtmt.taxonomy import Taxonomy, load_vocabulary


@MODELS.register_module()
class BrightRegions(BaseModel):
    """Follows what is brighter than a learnt threshold, with the streaming interface."""

    def __init__(self, vocabularies, frames_per_step=2):
        super().__init__()
        self.taxonomy = Taxonomy(vocabularies)
        self.test_cfg = {'frames_per_step': frames_per_step}
        self.threshold = torch.nn.Parameter(torch.tensor(200.0))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise NotImplementedError

    def init_state(self, meta, source=None):
        self.steps = []
        return {'vocabulary': load_vocabulary(meta['vocabulary']), 'tube': [], **meta}

    def step(self, frames, state):
        self.steps.append(len(frames))
        masks = frames.float().mean(dim=1, keepdim=True)
        masks = torch.nn.functional.interpolate(masks, size=state['ori_shape'], mode='nearest')
        state['tube'] += encode_tube((masks[:, 0] > self.threshold).numpy())

    def finish(self, state):
        count = min(2, len(state['vocabulary']))
        return InstanceData(
            scores=torch.tensor([0.9, 0.4])[:count],
            labels=torch.arange(count),
            tubes=[state['tube']] * count,
        )
