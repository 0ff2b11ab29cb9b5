"""Runners of MinVIS: matching of queries, images to results, a training step."""

import torch

from mmtmt.models.outputs import mask_logits
from mmtmt.models.trackers import match_frames
from mmtmt.models.vis import minvis
from mmtmt.models.vis.mask_output import best_pairs, masks_at_original_size
from mmtmt.structures.frame_source import ArrayFrameSource

from ..fixture import Difference, Fixture, exact
from ..golden import register
from .common import evaluating, recording
from .mask2former_model import (
    build_model,
    compare_results,
    make_video_sample,
    result_masks,
    run_training,
)

PARTS = dict(kind='MinVIS', decoder='FrameMaskDecoder')


@register('minvis_matching')
def run_matching(fixture: Fixture) -> list[Difference]:
    """Given queries, logits and masks of frames to the results of the video."""
    config = fixture.config
    num_classes = config['num_classes']
    orders = match_frames(None, fixture.input('embeds'))
    logits = fixture.input('input_pred_logits')[0]  # (T, Q, K + 1)
    masks = fixture.input('input_pred_masks')[0].transpose(0, 1)  # (T, Q, h, w)
    frames = torch.arange(len(orders))[:, None]
    logits, masks = logits[frames, orders].mean(0), masks[frames, orders]
    best = best_pairs(
        logits,
        torch.ones(num_classes, dtype=torch.bool),
        torch.arange(num_classes),
        len(fixture.array('scores')),
    )
    results = masks_at_original_size(
        masks, tuple(config['padded_hw']), tuple(config['image_hw']), tuple(config['output_hw'])
    )
    return [
        exact('permutations', orders[1:].numpy(), fixture.array('permutations')),
        fixture.compare('out_pred_logits', logits[None]),
        fixture.compare('out_pred_masks', masks.transpose(0, 1)[None]),
        *compare_results(
            fixture, best.scores, best.labels, results.transpose(0, 1)[best.queries].numpy()
        ),
    ]


@register('minvis_inference')
def run_inference(fixture: Fixture) -> list[Difference]:
    """Images to results, by the stream that users call too."""
    images = fixture.array('images_uint8')
    results = len(fixture.array('scores'))
    model, _ = build_model(
        fixture,
        **PARTS,
        test_cfg=dict(max_per_video=max(1, results), clip_length=len(images)),
    )
    output_size = tuple(fixture.config['output_hw'])
    sample = make_video_sample(len(images), images.shape[-2:], output_size)
    with (
        evaluating(model),
        recording(model.decoder, 'forward') as decoded,
        recording(minvis, 'match_frames') as orders,
    ):
        model.predict([ArrayFrameSource(images.transpose(0, 2, 3, 1))], [sample])
    predictions = [outputs.predictions[-1] for outputs in decoded]
    masks = torch.cat(
        [
            mask_logits(prediction.mask_embeds, outputs.mask_features)[:, 0]
            for prediction, outputs in zip(predictions, decoded)
        ]
    )
    logits = torch.cat([prediction.class_logits for prediction in predictions])
    queries = torch.cat([prediction.query_embeds for prediction in predictions])
    tubes = sample.pred_tubes
    return [
        fixture.compare('frame_pred_logits', logits[None]),
        fixture.compare('frame_pred_masks', masks.transpose(0, 1)[None]),
        fixture.compare('frame_pred_embds', queries.permute(2, 0, 1)[None]),
        exact('permutations', torch.cat(orders)[1:].numpy(), fixture.array('permutations')),
        *compare_results(
            fixture,
            tubes.scores,
            tubes.labels,
            result_masks(tubes, len(images), output_size),
        ),
    ]


@register('minvis_train')
def run_frame_training(fixture: Fixture) -> list[Difference]:
    """One training step: losses, matches of every frame and the gradient of every parameter."""
    return run_training(fixture, **PARTS)
