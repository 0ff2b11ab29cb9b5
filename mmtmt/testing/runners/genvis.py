"""Runners of GenVIS: clip module with memory, label assignment, inference, a training step."""

from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest import mock

import torch

from mmtmt.models.losses.set_criterion import Matches
from mmtmt.models.trackers import PrototypeMemory
from mmtmt.models.vis import GenVIS

from ..fixture import Difference, Fixture
from ..golden import register
from .common import recording
from .mask2former_criterion import compare_matches, own_loss_name
from .mask2former_model import build_model, compare_step, training_losses
from .vita import (
    build_clip_decoder,
    build_training_model,
    compare_clip,
    frame_queries,
    predict,
)
from .vita_criterion import own_clip_loss_name


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
            newest = memory.prototypes[None, :, :, -1].unflatten(1, (-1, config['B']))
            differences += [
                fixture.compare(f'clip{clip}_memory_k', decoder.memory_key(newest)),
                fixture.compare(f'clip{clip}_memory_v', decoder.memory_value(newest)),
            ]
    return differences


@register('genvis_inference')
def run_inference(fixture: Fixture) -> list[Difference]:
    """Images to results, by the stream that users call too."""
    config = fixture.config
    model, _ = build_model(
        fixture,
        'GenVIS',
        'FrameMaskDecoder',
        frames_per_clip=config['clip_length'],
        test_cfg=dict(max_per_video=config['topk'], clip_length=config['frames']),
    )
    differences, frames, clips = predict(fixture, model)
    for index, (queries, outputs) in enumerate(zip(frames.split(config['clip_length']), clips)):
        prediction = outputs.predictions[-1]
        values = dict(
            frame_queries=queries,
            pred_logits=prediction.class_logits,
            pred_mask_embed=prediction.mask_embeds,
        )
        differences += [
            fixture.compare(f'clip{index}_{name}', value[None]) for name, value in values.items()
        ]
    return differences


def _frame_matches_of_all_layers(model: GenVIS, *args: Any) -> tuple[dict, Matches]:
    """Match all layers of a frozen detector, as the official code, which draws points for them."""
    with mock.patch.object(model, 'freeze_detector', False):
        _, matches = type(model).frame_losses(model, *args)
    return {}, matches


@register('genvis_train')
def run_training(fixture: Fixture) -> list[Difference]:
    """One training step over clips: losses, matches of frames, the gradient of every parameter."""

    def own_name(official: str) -> str:
        name, _, clip = official.partition('_clip')
        return f'clip{clip}.{own_clip_loss_name(name)}' if clip else own_loss_name(name)

    config = fixture.config
    model, official = build_training_model(
        fixture,
        'GenVIS',
        frames_per_clip=config['clip_length'],
        freeze_detector=config['freeze_detector'],
    )
    with ExitStack() as stack:
        frames = stack.enter_context(recording(model.criterion, 'match'))
        if model.freeze_detector:
            whole = partial(_frame_matches_of_all_layers, model)
            stack.enter_context(mock.patch.object(model, 'frame_losses', whole))
        losses = training_losses(fixture, model)
    return [
        *compare_matches(fixture, frames, 'frame_match'),
        *compare_step(fixture, model, official, losses, own_name),
    ]
