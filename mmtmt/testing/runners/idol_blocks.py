"""The small parts of IDOL among the building blocks."""

import torch
from mmdet.models.layers import SinePositionalEncoding

from mmtmt.models.heads.dynamic_mask_head import DynamicMaskHead, aligned_bilinear, pixel_locations
from mmtmt.models.task_modules import ContrastSelector, OTAAssigner
from mmtmt.models.task_modules.ota_assigner import collect_costs, pair_costs
from mmtmt.models.trackers import greedy_suppression, mask_overlaps

from ..fixture import Difference, Fixture, exact


def run_idol_blocks(fixture: Fixture) -> list[Difference]:
    """Assignment, contrast, mask suppression, masks, position encoding."""
    return [
        *_assignment(fixture),
        *_contrast(fixture),
        *_suppression(fixture),
        *_masks(fixture),
        _position(fixture),
    ]


def _detections(fixture: Fixture) -> tuple[torch.Tensor, ...]:
    names = ('ota_logits', 'ota_boxes', 'ota_gt_labels', 'ota_gt_boxes')
    return tuple(fixture.input(name) for name in names)


def _assignment(fixture: Fixture) -> list[Difference]:
    logits, boxes, labels, targets = _detections(fixture)
    costs = collect_costs([pair_costs(logits[None], boxes[None], labels, targets)])
    match = OTAAssigner()(costs[0])[0]
    names = dict(
        ota_matched_queries=match.queries,
        ota_matched_objects=match.objects,
        ota_best_query=match.best,
    )
    return [exact(name, value.numpy(), fixture.array(name)) for name, value in names.items()]


def _contrast(fixture: Fixture) -> list[Difference]:
    """With all objects, and in fixtures that have it, without the one that is named."""
    logits, boxes, labels, targets = _detections(fixture)
    differences = []
    for name in fixture.info['arrays']:
        if not name.startswith('contrast_positive'):
            continue
        shown = torch.ones(len(labels), dtype=torch.bool)
        suffix = name.removeprefix('contrast_positive')
        if suffix:
            shown[int(suffix.removeprefix('_object').removesuffix('_absent'))] = False
        costs = collect_costs([pair_costs(logits, boxes, labels[shown], targets[shown])])
        choice = ContrastSelector()(costs[0])
        differences += [
            exact(name, choice.positive.numpy(), fixture.array(name)),
            exact(
                f'contrast_not_negative{suffix}',
                ~choice.negative.numpy(),
                fixture.array(f'contrast_not_negative{suffix}'),
            ),
        ]
    return differences


def _suppression(fixture: Fixture) -> list[Difference]:
    masks = fixture.input('nms_masks_used')[:, 0] > 0
    overlaps = mask_overlaps(masks, masks)
    prefix = 'mask_nms_keep_'
    return [
        exact(
            name,
            greedy_suppression(overlaps, float(name.removeprefix(prefix))).numpy(),
            fixture.array(name),
        )
        for name in fixture.info['arrays']
        if name.startswith(prefix)
    ]


def _masks(fixture: Fixture) -> list[Difference]:
    """Generated convolutions, the places of pixels, upsampling."""
    features, parameters = fixture.input('input_mask_feats'), fixture.input('input_mask_params')
    references = fixture.input('mask_ref_points')
    maps = fixture.input('input_upsample_in')
    prefix = 'aligned_bilinear_x'
    differences = [
        fixture.compare(name, aligned_bilinear(maps, int(name.removeprefix(prefix))))
        for name in fixture.info['arrays']
        if name.startswith(prefix)
    ]
    height, width = features.shape[-2:]
    locations = pixel_locations(height, width, 8, features.device)
    differences.append(fixture.compare('locations_stride8', locations))
    # the instances are spread evenly over the images, what is left over goes to the last
    share = parameters.shape[1] // len(features)
    sizes = [share] * (len(features) - 1)
    sizes.append(parameters.shape[1] - sum(sizes))
    head = DynamicMaskHead(feature_channels=features.shape[1])
    masks = [
        head.run(*parts)
        for parts in zip(features, references[0].split(sizes), parameters[0].split(sizes))
    ]
    return [*differences, fixture.compare('dynamic_masks', torch.cat(masks)[None])]


def _position(fixture: Fixture) -> Difference:
    padding = fixture.input('pos_idol_padding_mask')
    channels = fixture.info['arrays']['pos_idol_masked']['shape'][1]
    position = SinePositionalEncoding(channels // 2, normalize=True, offset=-0.5)
    return fixture.compare('pos_idol_masked', position(padding))
