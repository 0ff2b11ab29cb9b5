"""Runners of IDOL: the tracker alone, images to results, a training step."""

import numpy as np
import torch
from mmengine.structures import InstanceData

from mmtmt.models.converters import normalise_weights
from mmtmt.models.converters.idol import convert_idol, infer_idol
from mmtmt.models.outputs import CategoryContext
from mmtmt.models.task_modules import contrast_selector
from mmtmt.models.trackers import MemoryBankTracker
from mmtmt.models.vis import IDOL, EvaluationSpace, idol, track_output
from mmtmt.models.vis.track_output import TrackState, collect_tracks, link_frame
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.tubes import decode_tube

from ..fixture import Difference, Fixture, close, exact
from ..golden import register
from .common import evaluating, recording
from .mask2former_model import (
    VOCABULARY,
    compare_gradients,
    data_preprocessor_config,
    make_training_batch,
    make_video_sample,
)

# The fixtures' names of options, and ours.
TRACKER_OPTIONS = {
    'nms_thr_pre': 'mask_nms',
    'nms_pre': 'mask_nms',
    'nms_thr_post': 'backdrop_overlap',
    'init_score_thr': 'init_score',
    'addnew_score_thr': 'new_score',
    'add_new_score': 'new_score',
    'match_score_thr': 'match_score',
    'memory_len': 'memory_length',
    'memo_tracklet_frames': 'max_unseen',
    'memo_momentum': 'momentum',
    'long_match': 'temporal_memory',
    'temporal_weight': 'temporal_weight',
    'frame_weight': 'frame_weight',
}
TEST_OPTIONS = {
    'select_threshold': 'select_threshold',
    'box_nms_iou': 'box_nms',
    'multi_cls': 'multi_label',
    'apply_cls_thres': 'class_threshold',
    'temporal_score_type': 'track_score',
    'batch_infer_len': 'frames_per_step',
}
WEIGHTS = ('class', 'l1', 'giou', 'mask', 'dice', 'reid', 'reid_aux')


def _translated(config: dict, names: dict[str, str]) -> dict:
    return {names[name]: value for name, value in config.items() if name in names}


def build_model(fixture: Fixture, **overrides) -> tuple[IDOL, dict[str, str]]:
    """The fixture's model with its weights, by way of the checkpoint converter.

    Args:
        fixture: Holds the whole model's official weights.
        **overrides: Further arguments of the model.

    Returns:
        The model, and its keys' official names.
    """
    state, _ = normalise_weights(fixture.weights())
    conversion = convert_idol(state)
    if conversion.unexpected:
        raise ValueError(f'the converter does not know {conversion.unexpected[:3]}')
    parts = infer_idol(conversion.state, fixture.config.get('nheads', 8))
    dropout = fixture.config.get('dropout', 0.0)
    for part in ('encoder', 'decoder'):
        parts[part]['dropout'] = dropout
    frozen = fixture.info.get('grad_none', [])
    parts['backbone']['frozen_stages'] = max(
        (stage for stage in range(1, 5) if any(f'.res{stage + 1}.' in key for key in frozen)),
        default=-1,
    )
    names = [f'category {index}' for index in range(fixture.config['num_classes'])]
    model = MODELS.build(
        dict(
            type='IDOL',
            **parts,
            **overrides,
            taxonomy=dict(vocabularies=[dict(name=VOCABULARY, names=names)], aliases='strict'),
            data_preprocessor=data_preprocessor_config(fixture.config),
        )
    )
    model.load_state_dict(conversion.state)
    return model, conversion.sources


@register('idol_tracker')
def run_tracker(fixture: Fixture) -> list[Difference]:
    """Given detections of frames to the tracks of the video."""
    config = fixture.config
    num_classes = config['num_classes']
    everything = torch.ones(1, num_classes, dtype=torch.bool)
    labels = torch.arange(num_classes)
    state = TrackState(
        space=EvaluationSpace(CategoryContext(everything), everything[0], labels),
        ori_shape=tuple(config['output_hw']),
        img_shape=tuple(config['image_hw']),
        tracker=MemoryBankTracker(**_translated(config['tracker'], TRACKER_OPTIONS)),
    )
    settings = {**IDOL.TEST_DEFAULTS, **_translated(config, TEST_OPTIONS)}
    names = ('pred_logits', 'pred_boxes', 'pred_inst_embed', 'pred_masks_times_8')
    *detections, masks = (torch.from_numpy(fixture.array(name)) for name in names)
    frames = zip(*detections, masks[:, :, 0].float() / 8)
    with (
        recording(track_output, 'select_detections') as chosen,
        recording(state.tracker, 'update') as linked,
    ):
        for logits, boxes, embeds, own_masks in frames:
            link_frame(
                logits,
                boxes,
                lambda queries, values=(embeds, own_masks): tuple(v[queries] for v in values),
                state,
                settings,
            )
    return [
        *_compare_ids(fixture, chosen, linked),
        *_compare_results(fixture, collect_tracks(state, settings)),
    ]


@register('idol_inference')
def run_inference(fixture: Fixture) -> list[Difference]:
    """Images to results, by the stream that users call too."""
    config = fixture.config
    tracker = _translated(config, TRACKER_OPTIONS)
    # one switch of the official configs stands for both, and turns on a third
    tracker.setdefault('temporal_memory', tracker['temporal_weight'])
    tracker['frame_weight'] |= tracker['temporal_weight']
    model, _ = build_model(
        fixture,
        tracker=dict(type='MemoryBankTracker', **tracker),
        test_cfg=_translated(config, TEST_OPTIONS),
    )
    images = fixture.array('images_uint8')
    size = images.shape[-2:]
    sample = make_video_sample(len(images), size, tuple(config['output_hw']))
    with (
        evaluating(model),
        recording(model, 'extract') as memories,
        recording(model, 'decode') as decoded,
        recording(track_output, 'select_detections') as chosen,
        recording(MemoryBankTracker, 'update') as linked,
    ):
        model.predict([ArrayFrameSource(images.transpose(0, 2, 3, 1))], [sample])
        parts = [outputs.predictions[-1] for outputs in decoded]
        masks = [
            model.mask_head(features, queries, idol.in_pixels(references, size))
            for memory, part in zip(memories, parts)
            for features, queries, references in zip(
                model.mask_branch(memory.levels()), part.query_embeds, part.references
            )
        ]
        embeds = torch.cat([model.reid_head(part.query_embeds) for part in parts])
    joined = {
        'pred_logits': torch.cat([part.class_logits for part in parts]),
        'pred_boxes': torch.cat([part.boxes for part in parts]),
        'reference_points': torch.cat([part.references for part in parts]),
        'pred_inst_embed': embeds,
        'pred_masks': torch.stack(masks)[:, :, None],
    }
    return [
        *(fixture.compare(name, value) for name, value in joined.items()),
        *_compare_ids(fixture, chosen, linked),
        *_compare_results(fixture, sample.pred_tubes),
    ]


def _compare_ids(fixture: Fixture, chosen: list, linked: list) -> list[Difference]:
    """Which queries each frame's tracker kept, and the tracks it gave them."""
    differences = []
    for frame, (queries, (kept, ids)) in enumerate(zip(chosen, linked)):
        prefix = f'frame{frame:02d}'
        differences += [
            exact(f'{prefix}_{name}', value.numpy(), fixture.array(f'{prefix}_{name}'))
            for name, value in (('queries', queries[kept]), ('ids', ids))
        ]
    if len(differences) != 2 * fixture.config['frames']:
        raise ValueError(f'expected {fixture.config["frames"]} frames, got {len(chosen)}')
    return differences


def _compare_results(fixture: Fixture, results: InstanceData) -> list[Difference]:
    """Scores, labels and masks of a video; both sides list the tracks in the same order."""
    size = tuple(fixture.config['output_hw'])
    distinct, present = fixture.array('masks_distinct'), fixture.array('mask_present')
    expected = distinct[fixture.array('masks_index')] & present[..., None, None]
    masks = np.zeros((len(results.tubes), *expected.shape[1:]), dtype=bool)
    for mask, tube in zip(masks, results.tubes):
        mask[:] = decode_tube(tube, *size)
    return [
        close('scores', results.scores, fixture.array('scores'), 1e-4, 1e-4),
        exact('labels', results.labels, fixture.array('labels')),
        # a pixel whose logit is nearly 0 may fall on either side
        exact('masks', masks, expected, allowed=expected.size // 10000),
        # no result has a mask in a frame where the official one has none at all
        exact('mask_present', masks.any((2, 3)) & ~present, np.zeros_like(present)),
    ]


@register('idol_train')
def run_training(fixture: Fixture) -> list[Difference]:
    """One training step: losses, matches and the gradient of every parameter."""
    config = fixture.config
    options = {f'{name}_weight': config[f'{name}_weight'] for name in WEIGHTS}
    model, official = build_model(
        fixture,
        criterion=dict(
            type='DetectionCriterion', focal_alpha=config['focal_alpha'], **options
        ),
    )
    model.train()
    batch = model.data_preprocessor(make_training_batch(fixture), training=True)
    with (
        fixture.replayed_samples(contrast_selector, 'sample_negatives'),
        recording(model.criterion, 'assign') as assigned,
    ):
        losses = model.loss(batch['inputs'], batch['data_samples'])
    total = sum(losses.values())
    total.backward()
    names = fixture.info['loss_names']
    values = np.array([losses[_own_name(name)].item() for name in names])
    if len(names) != len(losses):
        raise ValueError(f'expected {len(names)} losses, got {sorted(losses)}')
    return [
        *_compare_matches(fixture, assigned[0].matches),
        fixture.compare('losses', values, absolute=1e-6, relative=1e-3),
        close('total_loss', total.item(), fixture.info['total_loss'], 1e-6, 1e-3),
        *compare_gradients(fixture, model, _seen_names(fixture, official)),
    ]


def _own_name(official: str) -> str:
    """'loss_ce' to 'loss_cls', 'loss_bbox_3' to 'd3.loss_bbox'."""
    name, _, stage = official.replace('loss_ce', 'loss_cls').rpartition('_')
    return f'd{stage}.{name}' if stage.isdecimal() else f'{name}_{stage}'


def _seen_names(fixture: Fixture, official: dict[str, str]) -> dict[str, str]:
    """Names under which the official code counts parameters that it holds twice."""
    known = set(fixture.info['grad_keys'])
    second = {entry[2]: entry[0] for entry in fixture.info['params'] if len(entry) == 3}
    return {
        own: second[name] if name not in known and second.get(name) in known else name
        for own, name in official.items()
    }


def _compare_matches(fixture: Fixture, matches: list) -> list[Difference]:
    return [
        exact(
            f'match_{layer}_{clip}_{name}',
            getattr(match, name).numpy(),
            fixture.array(f'match_{layer}_{clip}_{name}'),
        )
        for layer, clips in enumerate(matches)
        for clip, match in enumerate(clips)
        for name in ('queries', 'objects', 'best')
    ]
