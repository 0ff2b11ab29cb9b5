"""Runners of the whole of Mask2Former-VIS: post-processing, images to results, a training step."""

from collections.abc import Callable

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmtmt.models.converters import convert_official, infer_architecture, normalise_weights
from mmtmt.models.outputs import mask_logits
from mmtmt.models.vis import MaskVISModel, VISModel
from mmtmt.models.vis.mask_output import best_pairs, masks_at_original_size
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.samples import TubeDataSample, make_sample, make_tubes
from mmtmt.structures.tubes import decode_tube

from ..fixture import Difference, Fixture, close, exact
from ..golden import register
from .common import evaluating, recording
from .mask2former_criterion import compare_matches, own_loss_name

VOCABULARY = 'fixture'
# What the official configs use where a fixture doesn't say.
PIXEL_MEAN = [123.675, 116.28, 103.53]
PIXEL_STD = [58.395, 57.12, 57.375]


@register('m2f_video_postprocess')
def run_postprocess(fixture: Fixture) -> list[Difference]:
    """Given logits and masks to the best results at the size of the video."""
    config = fixture.config
    num_classes = config['num_classes']
    masks = fixture.input('input_pred_masks')[0].transpose(0, 1)  # (T, Q, h, w)
    best = best_pairs(
        fixture.input('input_pred_logits'),
        torch.ones(num_classes, dtype=torch.bool),
        torch.arange(num_classes),
        len(fixture.array('scores')),
    )
    masks = masks_at_original_size(
        masks, tuple(config['padded_hw']), tuple(config['image_hw']), tuple(config['output_hw'])
    )
    masks = masks.transpose(0, 1)[best.queries].numpy()
    return compare_results(fixture, best.scores, best.labels, masks)


def compare_results(
    fixture: Fixture, scores: Tensor, labels: Tensor, masks: np.ndarray
) -> list[Difference]:
    """Compare the results of a video, both sides by falling score.

    Args:
        fixture: Has ``scores``, ``labels`` and ``masks``.
        scores: (M,).
        labels: (M,).
        masks: (M, T, H, W) bool.

    Returns:
        Differences of scores, labels and masks.
    """
    theirs = np.argsort(-fixture.array('scores'), kind='stable')
    ours = np.argsort(-scores.numpy(), kind='stable')
    stored = fixture.array('masks')
    return [
        close('scores', scores.numpy()[ours], fixture.array('scores')[theirs], 1e-4, 1e-4),
        exact('labels', labels.numpy()[ours], fixture.array('labels')[theirs]),
        # a pixel whose logit is nearly 0 may fall on either side
        exact('masks', masks[ours], stored[theirs], allowed=stored.size // 10000),
    ]


def result_masks(results: InstanceData, frames: int, size: tuple[int, int]) -> np.ndarray:
    """The masks of a video's results.

    Args:
        results: M of them.
        frames: T.
        size: Height and width.

    Returns:
        (M, T, H, W) bool.
    """
    masks = np.zeros((len(results.tubes), frames, *size), dtype=bool)
    for mask, tube in zip(masks, results.tubes):
        mask[:] = decode_tube(tube, *size)
    return masks


def build_model(
    fixture: Fixture,
    kind: str = 'Mask2FormerVIS',
    decoder: str = 'VideoMaskDecoder',
    **overrides,
) -> tuple[MaskVISModel, dict[str, str]]:
    """The fixture's model with its weights, by way of the checkpoint converter.

    Args:
        fixture: Holds the whole model's official weights.
        kind: Type of the model.
        decoder: Type of its decoder.
        **overrides: Further arguments of the model.

    Returns:
        The model, and its keys' official names.
    """
    state, _ = normalise_weights(fixture.weights())
    conversion = convert_official(state)
    if conversion.unexpected:
        raise ValueError(f'the converter does not know {conversion.unexpected[:3]}')
    components = infer_architecture(conversion.state, fixture.config.get('nheads', 8))
    components['decoder']['type'] = decoder
    if 'clip_decoder' in components:
        components['clip_decoder']['window'] = fixture.config['enc_window_size']
    names = [f'category {index}' for index in range(components['decoder']['num_classes'])]
    model = MODELS.build(
        dict(
            type=kind,
            **components,
            **overrides,
            taxonomy=dict(vocabularies=[dict(name=VOCABULARY, names=names)], aliases='strict'),
            data_preprocessor=data_preprocessor_config(fixture.config),
        )
    )
    model.load_state_dict(conversion.state)
    return model, conversion.sources


def data_preprocessor_config(config: dict) -> dict:
    return dict(
        type='mmtmt.ClipDataPreprocessor',
        mean=config.get('pixel_mean', PIXEL_MEAN),
        std=config.get('pixel_std', PIXEL_STD),
        pad_size_divisor=config.get('size_divisibility', 32),
    )


@register('m2f_video_inference')
def run_inference(fixture: Fixture) -> list[Difference]:
    """Images to results, by the stream that users call too."""
    images = fixture.array('images_uint8')
    results = len(fixture.array('scores'))
    model, _ = build_model(
        fixture, test_cfg=dict(max_per_video=max(1, results), clip_length=len(images))
    )
    size, output_size = images.shape[-2:], tuple(fixture.config['output_hw'])
    sample = make_video_sample(len(images), size, output_size)
    with evaluating(model), recording(model.decoder, 'forward') as decoded:
        model.predict([ArrayFrameSource(images.transpose(0, 2, 3, 1))], [sample])
    prediction, tubes = decoded[0].predictions[-1], sample.pred_tubes
    masks = mask_logits(prediction.mask_embeds, decoded[0].mask_features).transpose(1, 2)
    return [
        fixture.compare('pred_logits', prediction.class_logits),
        fixture.compare('pred_masks', masks),
        *compare_results(
            fixture,
            tubes.scores,
            tubes.labels,
            result_masks(tubes, len(images), output_size),
        ),
    ]


@register('m2f_video_train')
def run_training(
    fixture: Fixture, kind: str = 'Mask2FormerVIS', decoder: str = 'VideoMaskDecoder'
) -> list[Difference]:
    """One training step: losses, matches and the gradient of every parameter."""
    model, official = build_model(fixture, kind, decoder, criterion=criterion_config(fixture))
    with recording(model.criterion, 'match') as matches:
        losses = training_losses(fixture, model)
    return [
        *compare_matches(fixture, matches),
        *compare_step(fixture, model, official, losses, own_loss_name),
    ]


def criterion_config(fixture: Fixture, kind: str = 'VideoSetCriterion') -> dict:
    """Config of a criterion with the settings of a training fixture, as far as it states them."""
    settings = (
        'num_points',
        'oversample_ratio',
        'importance_sample_ratio',
        'no_object_weight',
        'class_weight',
        'mask_weight',
        'dice_weight',
    )
    return dict(
        type=kind, **{name: fixture.config[name] for name in settings if name in fixture.config}
    )


def training_losses(fixture: Fixture, model: MaskVISModel) -> dict[str, Tensor]:
    """The losses of a training step with the random numbers of the official code."""
    model.train()
    batch = model.data_preprocessor(make_training_batch(fixture), training=True)
    with fixture.replayed_rand():
        return model.loss(batch['inputs'], batch['data_samples'])


def compare_step(
    fixture: Fixture,
    model: MaskVISModel,
    official: dict[str, str],
    losses: dict[str, Tensor],
    own_name: Callable[[str], str],
) -> list[Difference]:
    """Compare losses, and the gradients of their sum.

    Args:
        fixture: Of a training step.
        model: The model that made the losses.
        official: Official name of each key of the model.
        losses: By this package's names.
        own_name: From an official name of a loss to this package's.

    Returns:
        Differences.
    """
    total = sum(losses.values())
    total.backward()
    names = fixture.info['loss_names']
    if len(names) != len(losses):
        raise ValueError(f'expected {len(names)} losses, got {len(losses)}')
    values = np.array([losses[own_name(name)].item() for name in names])
    return [
        fixture.compare('losses', values, absolute=1e-6, relative=1e-3),
        close('total_loss', total.item(), fixture.info['total_loss'], 1e-6, 1e-3),
        *compare_gradients(fixture, model, official),
    ]


def make_video_sample(
    frames: int, size: tuple[int, int], output_size: tuple[int, int]
) -> TubeDataSample:
    return make_sample(
        dataset=VOCABULARY,
        vocabulary=VOCABULARY,
        video_id=1,
        frame_indices=list(range(frames)),
        video_length=frames,
        ori_shape=output_size,
        img_shape=size,
    )


def make_training_batch(fixture: Fixture) -> dict:
    batch = dict(inputs=[], data_samples=[])
    for clip in range(len(fixture.config['image_hw'])):
        images = fixture.input(f'images_uint8_{clip}')
        sample = make_video_sample(len(images), images.shape[-2:], images.shape[-2:])
        labels = fixture.input(f'gt_labels_{clip}')
        sample.gt_tubes = make_tubes(
            labels, fixture.input(f'gt_masks_{clip}'), torch.arange(1, len(labels) + 1)
        )
        batch['inputs'].append(images)
        batch['data_samples'].append(sample)
    return batch


def compare_gradients(
    fixture: Fixture, model: VISModel, official: dict[str, str]
) -> list[Difference]:
    """Norm and sum of each parameter's gradient; the parameters trained must be the same."""
    gradients = {
        official[name]: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    keys, none = fixture.info['grad_keys'], set(fixture.info.get('grad_none', []))
    trained = {key for key, value in gradients.items() if value is not None}
    # what the official code leaves without a gradient may be frozen here
    expected = set(keys) - none
    if trained != expected or not set(gradients) - trained <= none:
        odd = sorted(trained ^ expected) or sorted(set(gradients) - trained - none)
        raise ValueError(f'other parameters are trained than in the official code: {odd[:3]}')
    values = [gradients[key].double() if key in trained else torch.zeros(1) for key in keys]
    norms = np.array([value.norm().item() for value in values])
    sums = np.array([value.sum().item() for value in values])
    stored = fixture.array('grad_l2')
    floor = 1e-4 * stored.max()
    # A sum may vanish, so its error is measured against the norm: errors of one sign add up to the
    # root of their number times their norm.
    roots = np.sqrt([value.numel() for value in values])
    slack = (1e-2 + 1e-3 * roots) * stored + floor
    return [
        fixture.compare('grad_l2', norms, absolute=floor, relative=1e-2),
        close(
            'grad_sum in units of what is allowed',
            sums / slack,
            fixture.array('grad_sum') / slack,
            1.0,
            0.0,
        ),
    ]
