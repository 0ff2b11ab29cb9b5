"""Runners of GenVIS: clip module with memory, label assignment, inference, a training step."""

import torch

from mmtmt.models.trackers import PrototypeMemory

from ..fixture import Difference, Fixture
from ..golden import register
from .vita import build_clip_decoder, compare_clip, frame_queries


@register('genvis_module')
def run_module(fixture: Fixture) -> list[Difference]:
    """Clips of a video one after another, with what is carried from clip to clip."""
    config = fixture.config
    decoder = build_clip_decoder(fixture)
    memory = PrototypeMemory()
    differences = []
    with torch.no_grad():
        for clip in range(len(config['clip_lengths'])):
            queries = frame_queries(fixture, f'input_frame_query_clip{clip}')
            outputs = decoder(queries, memory=memory, auxiliary=config['training'])
            differences += compare_clip(fixture, decoder, outputs, f'clip{clip}_')
            differences.append(
                fixture.compare(f'clip{clip}_output_query', memory.queries.transpose(0, 1))
            )
            for name, stored in (('k', memory.keys), ('v', memory.values)):
                newest = stored[None, :, :, -1].unflatten(1, (-1, config['B']))
                differences.append(fixture.compare(f'clip{clip}_memory_{name}', newest))
    return differences
