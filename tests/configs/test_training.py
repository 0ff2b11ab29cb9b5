"""A training step and a prediction of every shipped config, at toy size."""

import math

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from mmtmt.engine import VISRunner, check_config
from mmtmt.registry import METRICS, MODELS
from tests.configs.shipped import (
    CONFIGS,
    MODEL_BASES,
    RECIPES,
    SHIPPED,
    load,
    metrics_of,
    relative,
)
from tests.configs.toy_size import NUM_QUERIES, shrink_data, shrink_model


@pytest.mark.parametrize('path', SHIPPED, ids=relative)
def test_trains_a_step_and_predicts(path, toy_set, tmp_path):
    cfg = load(path)
    check_config(cfg)
    shrink_model(cfg.model)
    shrink_data(cfg, toy_set)
    metrics_of(cfg)[0].outfile_prefix = str(tmp_path)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    losses, unused = train_step(
        model, optim_wrapper, Runner.build_dataloader(cfg.train_dataloader, seed=0))
    assert all(math.isfinite(value) for value in losses.values()), losses
    assert set(losses) - {'loss'} == (
        loss_names(cfg.model) | clip_loss_names(cfg) | taxonomy_figures(cfg.model))
    # distributed training stops at a parameter that the losses don't reach
    assert not unused
    numbers = predict_and_evaluate(model, cfg)
    metric = metrics_of(cfg)[0]
    evaluated = set(metric.ann_files) - set(metric.get('format_only', []))
    for name in evaluated:
        assert 0 <= numbers[f'{name}/AP'] <= 1
    for name in metric.ann_files:
        assert (tmp_path / name / 'submission.zip').is_file()


def model_is_frozen(model):
    return model.get('freeze_detector', False)


def clip_loss_names(cfg):
    """Names of the losses of a clip decoder of two layers."""
    if 'clip_decoder' not in cfg.model:
        return set()
    clips = ['clip']
    if cfg.model.type == 'GenVIS':
        loaded = cfg.train_dataloader.dataset
        pipeline = loaded.get('datasets', [loaded])[0].pipeline
        clips = [f'clip{index}'
                 for index in range(pipeline[0].num_frames // cfg.model.frames_per_clip)]
    stages = [f'{clip}.{stage}' for clip in clips for stage in ('', 'd0.')]
    return ({f'{stage}loss_{kind}' for stage in stages for kind in ('cls', 'mask', 'dice')}
            | {f'{clip}.loss_similarity' for clip in clips})


def test_runs_with_every_hook_and_writes_predictions(toy_set, tmp_path):
    """The whole runtime of a joint recipe: loops, hooks, checkpoint, metric."""
    path = CONFIGS / 'tmt_vis' / 'tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'
    cfg = load(path)
    shrink_model(cfg.model)
    shrink_data(cfg, toy_set)
    cfg.test_evaluator = cfg.val_evaluator
    cfg.test_dataloader = cfg.val_dataloader
    cfg.train_cfg.max_iters = 2
    cfg.default_hooks.checkpoint.interval = 2
    cfg.load_from = None
    cfg.work_dir = str(tmp_path)
    runner = VISRunner.from_cfg(cfg)
    runner.train()
    assert (tmp_path / 'iter_2.pth').is_file()
    written = {path.parent.name for path in tmp_path.glob('predictions/*/submission.zip')}
    assert written == {'ytvis19', 'uvo', 'ovis'}
    numbers = runner.test()
    assert 0 <= numbers['uvo/AP'] <= 1 and 'ovis/AP' not in numbers


def train_step(model, optim_wrapper, loader):
    """One step on the first batch; returns its losses and the parameters without a gradient."""
    model.train()
    batch = model.data_preprocessor(next(iter(loader)), training=True)
    loss, losses = model.parse_losses(model(**batch, mode='loss'))
    optim_wrapper.backward(loss)
    unused = [name for name, parameter in model.named_parameters()
              if parameter.requires_grad and parameter.grad is None]
    optim_wrapper.step()
    return {name: float(value) for name, value in losses.items()}, unused


def loss_names(model):
    """Names of the losses of a model of two decoder layers without taxonomy modules."""
    if model_is_frozen(model):
        return set()
    kinds, stages = ('cls', 'mask', 'dice'), ('', 'd0.', 'd1.')
    if model.type == 'IDOL':
        # no prediction before the first layer
        kinds, stages = (*kinds, 'bbox', 'giou'), ('', 'd0.')
    names = {f'{stage}loss_{kind}' for stage in stages for kind in kinds}
    if model.type == 'IDOL':
        names |= {'loss_reid', 'loss_reid_aux'}
    if model.get('auxiliary_head'):
        names.add('loss_semantic')
    return names


def taxonomy_figures(model):
    """Names of what the taxonomy modules add to the losses."""
    frozen = model_is_frozen(model) and model.get('freeze_taxonomy', True)
    if model.decoder.type != 'InjectionDecoder' or frozen:
        return set()
    names = {'taxonomy_recall'}
    if model.criterion.taxonomy_loss != 'off':
        names.add('loss_taxonomy')
    if model.decoder.compilation.get('score_supervision', 'bce') == 'bce':
        names.add('loss_score')
    return names


def predict_and_evaluate(model, cfg):
    """Predict all test videos and return the metrics."""
    model.eval()
    metrics = [METRICS.build(metric) for metric in metrics_of(cfg)]
    loader = Runner.build_dataloader(cfg.val_dataloader)
    for batch in loader:
        samples = model.val_step(batch)
        for sample in samples:
            if cfg.model.type != 'IDOL':  # which returns what it finds, none in fresh weights
                pairs = NUM_QUERIES * model.num_classes  # fewer where all categories are one
                assert len(sample.pred_tubes) == min(
                    max_per_video(cfg.model, sample.dataset), pairs)
            assert all(len(tube) == sample.video_length for tube in sample.pred_tubes.tubes)
        for metric in metrics:
            metric.process(batch, [sample.to_dict() for sample in samples])
    numbers = {}
    for metric in metrics:
        numbers.update(metric.evaluate(len(loader.dataset)))
    return numbers


def max_per_video(model, dataset):
    numbers = model.test_cfg.get('max_per_video', 10)
    return numbers if isinstance(numbers, int) else numbers.get(dataset, numbers.default)


@pytest.mark.parametrize('path', MODEL_BASES, ids=relative)
def test_model_base_builds(path, toy_set):
    """Also those that no recipe uses."""
    if any(f"_base_/models/{path.name}'" in recipe.read_text() for recipe in RECIPES):
        pytest.skip('a recipe uses it')
    cfg = load(path)
    cfg.model.taxonomy.vocabularies = ['uvo']
    shrink_model(cfg.model)
    model = MODELS.build(cfg.model)
    loss, logs = model.parse_losses(first_losses(model, toy_set('uvo')))
    assert loss.isfinite() and 'loss_mask' in logs


@pytest.mark.parametrize('path', MODEL_BASES, ids=relative)
def test_pixel_decoder_fits_the_backbone(path):
    """What shrinking replaces: the channels of the real backbone."""
    model = load(path).model
    backbone = model.backbone
    if backbone.type == 'mmdet.ResNet':
        first = 64 if backbone.depth < 50 else 256
        channels = [first * 2**stage for stage in range(4)]
    elif backbone.type == 'mmdet.SwinTransformer':
        channels = [backbone.embed_dims * 2**stage for stage in range(4)]
    else:
        channels = MODELS.build(backbone).out_channels
    if model.type == 'IDOL':
        assert model.neck.in_channels == channels[1:]
    else:
        assert model.pixel_decoder.in_channels == channels


def first_losses(model, files):
    """Losses of the first clip of a toy set in UVO's vocabulary."""
    loaders = load(CONFIGS / '_base_/datasets/video_loaders.py')
    ann_file, images = files
    loaders.train_dataloader.update(
        num_workers=0, persistent_workers=False,
        dataset=dict(type='UVODataset', ann_file=ann_file, data_prefix=dict(img=images),
                     pipeline=loaders.train_pipeline))
    batch = next(iter(Runner.build_dataloader(loaders.train_dataloader, seed=0)))
    return model(**model.data_preprocessor(batch, training=True), mode='loss')
