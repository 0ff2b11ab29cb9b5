"""Every shipped config: its place, its name, and a training step and a prediction at toy size."""

import ast
import gc
import math
import re
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from mmtmt.engine import VISRunner, check_config, load_into
from mmtmt.registry import METRICS, MODELS
from mmtmt.structures.tubes import encode_tube, tube_to_json
from mmtmt.taxonomy import load_vocabulary

REPO = Path(__file__).resolve().parents[1]
CONFIGS = REPO / 'configs'
# users put folders of their own beside them
METHODS = sorted(path.parent for path in CONFIGS.glob('*/metafile.yml'))
SHIPPED = sorted(path for method in METHODS for path in method.rglob('*.py'))
RECIPES = [path for path in SHIPPED if re.search(r'_8xb\d+-\d+k?_', path.name)]
MODEL_BASES = sorted((CONFIGS / '_base_' / 'models').glob('*.py'))
NAME = re.compile(
    r'(?P<method>(tmt-vis_)?[a-z0-9-]+)_(?P<backbone>[a-z0-9-]+)'
    r'_(?P<gpus>\d+)xb(?P<clips>\d+)-(?P<iterations>\d+)(?P<kilo>k?)_(?P<sets>[a-z0-9-]+)'
    r'(_(?P<change>[a-z0-9-]+))?'
)
# folder and first part of the name of each plain base, by the first part of its TMT-VIS's name
BASES = {
    'tmt-vis_mask2former': ('mask2former_vis', 'mask2former-vis'),
    'tmt-vis_minvis': ('minvis', 'minvis'),
    'tmt-vis_idol': ('idol', 'idol'),
    'tmt-vis_vita': ('vita', 'vita'),
    'tmt-vis_genvis-online': ('genvis', 'genvis-online'),
    'tmt-vis_genvis-semi-online': ('genvis', 'genvis-semi-online'),
}
HEIGHT, WIDTH, FRAMES = 64, 96, 4
DEFAULT_VOCABULARY = {
    'CocoPseudoVideoDataset': 'coco', 'OVISDataset': 'ovis', 'UVODataset': 'uvo'}


def relative(path):
    return str(path.relative_to(CONFIGS))


def load(path):
    init_default_scope('mmtmt')
    # a runner logs it as text, which yapf takes seconds to format
    return Config.fromfile(path, format_python_code=False)


@pytest.fixture(scope='module', autouse=True)
def cheap_garbage_collection():
    """mmengine's datasets collect garbage when they are built: spare it what was imported."""
    gc.freeze()
    yield
    gc.unfreeze()


# --- toy size


def shrink_model(model):
    """Make a model's config small enough to train in a fraction of a second, in place.

    What the config chooses stays: types, aggregation, losses, N_T, vocabularies, frozen norms.
    Sizes shrink: the backbone to a few channels and the least depth of its kind, everything behind
    it to 32 channels, one encoder layer, two decoder layers, 5 queries and 32 points; videos
    of more than 2 frames are cut when testing. Files that the user has to provide aren't needed:
    weights are random, and a text bank that isn't there gives way to the shipped one.

    Raises:
        ValueError: If the backbone is of a kind that isn't known here.
    """
    backbone = model.backbone
    if backbone.type == 'mmdet.ResNet':
        backbone.update(depth=18, base_channels=8)
        channels = [8, 16, 32, 64]
    elif backbone.type == 'mmdet.SwinTransformer':
        backbone.update(embed_dims=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), window_size=4)
        channels = [24, 48, 96, 192]
    elif backbone.type == 'MobileNetV2':
        backbone.update(widen_factor=0.25, weights=None)
        channels = [8, 8, 24, 80]
    else:
        raise ValueError(f'how to shrink a backbone of type {backbone.type}?')
    if backbone.get('init_cfg'):
        backbone.init_cfg = None
    if model.get('text_bank') and not Path(model.text_bank.path).is_file():
        model.text_bank.path = 'minilm'
    decoder = model.decoder
    if decoder.type == 'InjectionDecoder':
        decoder.compilation.update(adapter_dims=16, feedforward_dims=32)
        decoder.injection.update(feedforward_dims=32)
        decoder = decoder.decoder
    decoder.update(embed_dims=32, num_layers=2, feedforward_dims=32)
    if model.type == 'IDOL':
        model.neck.update(in_channels=channels[1:], out_channels=32)
        model.encoder.update(num_layers=1, feedforward_dims=32)
        model.num_queries = 5
        return
    model.pixel_decoder.update(
        in_channels=channels, feat_channels=32, out_channels=32, num_encoder_layers=1,
        feedforward_dims=32)
    decoder.num_queries = 5
    model.criterion.update(num_points=32)
    if 'clip_decoder' in model:
        model.clip_decoder.update(
            num_queries=5, embed_dims=32, num_encoder_layers=2, num_layers=2, feedforward_dims=32)
        model.clip_criterion.update(num_points=32)
        model.training_layers = 2
    if model.get('auxiliary_head'):
        model.auxiliary_head.update(in_channels=32)
    model.setdefault('test_cfg', {}).update(clip_length=2)


def shrink_data(cfg, toy_set):
    """Put generated videos in the place of every dataset, at 64 x 96 pixels, in place.

    Pipelines, samplers and the metric stay as configured.

    Args:
        cfg: The config.
        toy_set: Makes the files of a vocabulary: name -> (json file, folder of the frames).
    """
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        for dataset in loader.dataset.get('datasets', [loader.dataset]):
            ann_file, images = toy_set(vocabulary_of(dataset))
            dataset.update(data_root='', ann_file=ann_file, data_prefix=dict(img=images))
            shrink_steps(dataset.pipeline)
    for metric in metrics_of(cfg):
        for files in ('ann_files', 'train_files'):
            if files in metric:
                metric[files] = {
                    dataset_name(dataset): dataset.ann_file for dataset in
                    cfg.val_dataloader.dataset.get('datasets', [cfg.val_dataloader.dataset])
                }


def shrink_steps(steps):
    """Make frames small, in place."""
    for step in steps:
        if 'short_sides' in step:
            step.short_sides = [48, HEIGHT]
        elif 'short_side' in step:
            step.short_side = HEIGHT
        elif step.type == 'ClipLargeScaleJitter':
            step.size = (HEIGHT, WIDTH)
        elif step.type == 'ClipCrop':
            step.size_range = (32, HEIGHT)
        shrink_steps(step.get('transforms', []))


def metrics_of(cfg):
    """The average precision first, then what a config adds."""
    evaluator = cfg.val_evaluator
    return evaluator if isinstance(evaluator, list) else [evaluator]


def vocabulary_of(dataset):
    if dataset.type == 'YouTubeVISDataset':
        return f'ytvis{dataset.year % 100}'
    return dataset.get('vocabulary') or DEFAULT_VOCABULARY[dataset.type]


def dataset_name(dataset):
    return dataset.get('name') or vocabulary_of(dataset)


@pytest.fixture(scope='session')
def toy_set(tmp_path_factory):
    """Make a set of one video with two objects in a vocabulary: name -> (json, frames)."""
    root = tmp_path_factory.mktemp('toy_sets')

    @cache
    def make(name):
        vocabulary = load_vocabulary(name)
        folder = root / name / 'frames' / 'video'
        folder.mkdir(parents=True)
        masks = np.zeros((2, FRAMES, HEIGHT, WIDTH), dtype=bool)
        generator = np.random.default_rng(0)
        for t in range(FRAMES):
            masks[0, t, 8:30, 5 + 6 * t:35 + 6 * t] = True
            masks[1, t, 32:60, 20:70] = True
            frame = generator.integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            frame[masks[0, t]] += 120
            cv2.imwrite(str(folder / f'{t}.jpg'), frame)
        masks[0, 2] = False
        ann_file = root / name / 'instances.json'
        if name == 'coco':
            return write_images(ann_file, vocabulary, masks)
        Config(dict(
            videos=[dict(id=1, width=WIDTH, height=HEIGHT, length=FRAMES,
                         file_names=[f'video/{t}.jpg' for t in range(FRAMES)])],
            categories=[dict(id=i, name=n) for i, n in zip(vocabulary.ids, vocabulary.names)],
            annotations=[
                dict(id=k + 1, video_id=1, category_id=vocabulary.ids[k - 1], iscrowd=0,
                     segmentations=tube_to_json(encode_tube(masks[k]))) for k in range(2)
            ])).dump(ann_file)
        return str(ann_file), str(folder.parent)

    return make


def write_images(ann_file, vocabulary, masks):
    """The video's frames as images in COCO's format."""
    objects = [(k, t, rle) for k in range(2)
               for t, rle in enumerate(tube_to_json(encode_tube(masks[k]))) if rle]
    Config(dict(
        images=[dict(id=t, width=WIDTH, height=HEIGHT, file_name=f'video/{t}.jpg')
                for t in range(FRAMES)],
        categories=[dict(id=i, name=n) for i, n in zip(vocabulary.ids, vocabulary.names)],
        annotations=[
            dict(id=number, image_id=t, category_id=vocabulary.ids[k], iscrowd=0, segmentation=rle)
            for number, (k, t, rle) in enumerate(objects)
        ])).dump(ann_file)
    return str(ann_file), str(ann_file.parent / 'frames')


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
                assert len(sample.pred_tubes) == max_per_video(cfg.model, sample.dataset)
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


# --- composition


def bases_of(path):
    """Files that a config inherits from."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == '_base_':
            named = ast.literal_eval(node.value)
            return [path.parent / base for base in ([named] if isinstance(named, str) else named)]
    return []


def depth(path):
    return 1 + max((depth(base) for base in bases_of(path)), default=0)


@pytest.mark.parametrize('path', SHIPPED + MODEL_BASES, ids=relative)
def test_at_most_three_levels(path):
    assert depth(path) <= 3


@pytest.mark.parametrize('path', RECIPES, ids=relative)
def test_name_tells_the_recipe(path):
    name = NAME.fullmatch(path.stem)
    assert name, f'{path.name} is not named METHOD_BACKBONE_GPUSxbCLIPS-STEPSk_SETS[_CHANGE].py'
    cfg = load(path)
    assert cfg.train_dataloader.batch_size == int(name['clips'])
    assert int(name['gpus']) * int(name['clips']) == cfg.auto_scale_lr.base_batch_size
    assert cfg.train_cfg.max_iters == int(name['iterations']) * (1000 if name['kilo'] else 1)
    assert cfg.param_scheduler.end == cfg.train_cfg.max_iters
    sets = name['sets'].split('-')
    trained = sets[:1] if name['change'] == 'released-labels' else sets
    if sets[0] == 'coco' and 'label_map' in cfg.train_dataloader.dataset.get('datasets', [{}])[0]:
        # as the official code: COCO's images in the categories of the videos
        trained = sets[1:]
        assert cfg.train_dataloader.dataset.datasets[0].label_map.target == trained[0]
    assert cfg.model.taxonomy.vocabularies == trained
    # pseudo clips are for training, unless images are all there is
    tested = [name for name in sets if name != 'coco'] or sets
    if path.parent.name == 'cross_dataset':
        tested = ['ytvis19', 'uvo', 'ovis']
    for loader, expected in (
            (cfg.train_dataloader, sets), (cfg.val_dataloader, tested),
            (cfg.test_dataloader, tested)):
        datasets = loader.dataset.get('datasets', [loader.dataset])
        assert [dataset_name(dataset) for dataset in datasets] == expected
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert list(evaluator.ann_files) == tested
    assert (cfg.model.decoder.type == 'InjectionDecoder') == name['method'].startswith('tmt-vis')
    types = {'r': 'mmdet.ResNet', 's': 'mmdet.SwinTransformer', 'm': 'MobileNetV2'}
    assert cfg.model.backbone.type == types[name['backbone'][0]]
    assert (name['change'] is not None) == (path.parent.name in ('ablations', 'cross_dataset'))


@pytest.mark.parametrize(
    'path', [path for path in RECIPES if path.parent.name == 'tmt_vis'], ids=relative)
def test_differs_from_its_base_in_the_taxonomy_alone(path):
    """The two arms of every comparison share data, schedule and everything below TMT."""
    method = NAME.fullmatch(path.stem)['method']
    folder, name = BASES[method]
    tmt, base = load(path), load(CONFIGS / folder / path.name.replace(method, name))
    decoder = tmt.model.decoder.decoder
    assert decoder.pop('classifier', 'linear') == 'linear'
    for key in ('taxonomy_loss', 'taxonomy_weight', 'score_weight'):
        tmt.model.criterion.pop(key)
    tmt.model.decoder = decoder
    tmt.model.pop('text_bank')
    tmt.model.pop('candidates')
    # the second of two stages starts from the first, each arm from its own
    if tmt.get('load_from'):
        tmt.load_from = tmt.load_from.replace('tmt-vis_', '')
    assert tmt.to_dict() == base.to_dict()


CONTINUED = [path for path in SHIPPED if path.name.endswith('_demo_synth.py')
             and 'work_dirs/demo/' in (load(path).get('load_from') or '')]


@pytest.mark.parametrize('path', CONTINUED, ids=relative)
def test_takes_the_weights_of_the_demonstration(path):
    demo = MODELS.build(load(CONFIGS / 'tmt_vis/tmt-vis_mask2former_demo_synth.py').model)
    weights = dict(state_dict=demo.state_dict(), meta=dict(taxonomy=demo.taxonomy_state()))
    cfg = load(path)
    report = load_into(MODELS.build(cfg.model), weights, allow_unexpected=cfg.allow_unexpected)
    assert not report.mismatched
    assert all(name.startswith(tuple(cfg.allow_unexpected)) for name in report.unexpected)


CROSS_DATASET = sorted(path for path in SHIPPED if path.name.endswith('_cross-dataset.py'))


def test_table_3_is_complete():
    """Two methods, each trained on every choice of the three sets; on all three as a recipe."""
    trained = [NAME.fullmatch(path.stem)['sets'] for path in CROSS_DATASET]
    choices = ['ovis', 'uvo', 'uvo-ovis', 'ytvis19', 'ytvis19-ovis', 'ytvis19-uvo']
    assert sorted(trained) == sorted(choices * 2)
    for method in ('mask2former_vis/mask2former-vis', 'tmt_vis/tmt-vis_mask2former'):
        assert (CONFIGS / f'{method}_r50_8xb2-16k_ytvis19-uvo-ovis.py').is_file()


@pytest.mark.parametrize('path', CROSS_DATASET, ids=relative)
def test_cross_dataset_differs_from_the_recipe_in_what_is_tested_alone(path):
    cfg, name = load(path), NAME.fullmatch(path.stem)
    assert cfg.model.test_cfg.unknown_categories == 'skip'
    joint = load(next(path.parents[1].glob('*_r50_8xb2-16k_ytvis19-uvo-ovis.py')))
    for key in ('val_dataloader', 'val_evaluator', 'test_dataloader', 'test_evaluator'):
        assert cfg[key] == joint[key]
    sets = name['sets'].split('-')
    ratios = dict(zip(joint.model.taxonomy.vocabularies, joint.train_dataloader.sampler.ratios))
    sampler = cfg.train_dataloader.sampler
    if len(sets) > 1:
        assert sampler.ratios == [ratios[one] for one in sets]
        return
    single = load(path.parents[1] / f'{path.stem.removesuffix("_cross-dataset")}.py')
    assert cfg.train_dataloader.dataset.datasets == [single.train_dataloader.dataset]
    assert cfg.train_cfg == single.train_cfg and cfg.param_scheduler == single.param_scheduler
    cfg.model.test_cfg.pop('unknown_categories')
    assert cfg.model == single.model and cfg.optim_wrapper == single.optim_wrapper


@pytest.mark.parametrize(
    'name', ['tmt-vis_mask2former_r50_8xb2-6k_uvo', 'tmt-vis_mask2former_swin-l_8xb2-6k_uvo',
             'tmt-vis_vita_r50_8xb2-16k_ytvis19-uvo-ovis'])
def test_optimizer_treats_parameters_as_the_official_code(name):
    cfg = load(CONFIGS / 'tmt_vis' / f'{name}.py')
    shrink_model(cfg.model)
    model = MODELS.build(cfg.model)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    group_of = {id(p): group for group in optimizer.param_groups for p in group['params']}
    owner = {id(p): (f'{path}.{name}', module) for path, module in model.named_modules()
             for name, p in module.named_parameters(recurse=False)}
    undecayed = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d, nn.Embedding)
    for parameter, (path, module) in ((p, owner[id(p)]) for p in model.parameters()):
        if not parameter.requires_grad:
            continue
        # level_encoding is no embedding table in the official code
        free = isinstance(module, undecayed) and 'level_encoding' not in path
        free = free or path.endswith('relative_position_bias_table')
        group = group_of[id(parameter)]
        assert group['weight_decay'] == (0 if free else 0.05), path
        assert group['lr'] == pytest.approx(1e-5 if path.startswith('backbone') else 1e-4), path


# --- documents beside the configs


@pytest.mark.parametrize('method', METHODS, ids=relative)
def test_every_config_is_listed(method):
    configs = {str(path.relative_to(REPO)) for path in method.rglob('*.py')}
    models = yaml.safe_load((method / 'metafile.yml').read_text())
    listed = [model['Config'] for model in models['Models']]
    assert sorted(listed) == sorted(configs)
    assert [Path(config).stem for config in listed] == [m['Name'] for m in models['Models']]
    collections = {collection['Name'] for collection in models['Collections']}
    assert {model['In Collection'] for model in models['Models']} <= collections
    for collection in models['Collections']:
        assert (REPO / collection['README']).is_file()
    links = re.findall(r'\(\./([^)]*\.py)\)', (method / 'README.md').read_text())
    assert {str((method / link).relative_to(REPO)) for link in links} == configs


SETS = dict(coco='COCO', ytvis19='YouTube-VIS 2019', ytvis21='YouTube-VIS 2021', uvo='UVO',
            ovis='OVIS')


@pytest.mark.parametrize('method', METHODS, ids=relative)
def test_metafile_says_what_the_configs_do(method):
    for listed in yaml.safe_load((method / 'metafile.yml').read_text())['Models']:
        cfg, data = load(REPO / listed['Config']), listed['Metadata']
        name = NAME.fullmatch(listed['Name'])
        assert data['Iterations'] == cfg.train_cfg.max_iters, listed['Name']
        processes = int(name['gpus']) if name else 1
        assert data['Batch Size'] == processes * cfg.train_dataloader.batch_size, listed['Name']
        if cfg.model.backbone.type == 'mmdet.ResNet':
            backbone = f'ResNet-{cfg.model.backbone.depth}'
        else:
            backbone = {'mmdet.SwinTransformer': 'Swin-L', 'MobileNetV2': 'MobileNetV2'}[
                cfg.model.backbone.type]
        assert data['Backbone'] == backbone, listed['Name']
        trained = 'generated sets'
        if name:
            sets = name['sets'].split('-')
            trained = ('a handful of clips' if sets[-1] == 'clips'
                       else ', '.join(SETS[one] for one in sets))
        assert data['Training Data'] == trained, listed['Name']


@pytest.mark.parametrize('name, lr, milestones, ratios', [
    ('vita_r50_8xb2-8k_ovis-ytvis19', 1e-4, [5000], [1, 1]),
    ('vita_r50_8xb2-12k_uvo-ytvis19', 1e-4, [8000], [0.75, 1]),
    ('vita_r50_8xb2-70k_coco-ovis-ytvis19', 1e-4, [37500], [1, 0.75, 0.75]),
    ('vita_r50_8xb2-70k_coco-uvo-ytvis19', 1e-4, [37500], [1, 0.75, 0.75]),
    ('vita_r50_8xb2-368750_coco', 1e-4, [327778, 355092], None),
    ('vita_swin-l_8xb2-737500_coco', 1e-4, [655556, 710184], None),
    ('vita_r50_8xb1-150k_coco-ovis', 5e-5, [50000, 125000], [1, 0.25]),
    ('idol_r50_8xb4-59200_coco', 2e-4, [22200, 44400], None),
    ('idol_swin-l_8xb4-59200_coco', 2e-4, [22200, 44400], None),
])
def test_schedules_of_the_official_code(name, lr, milestones, ratios):
    """As their configs have them: learning rate, where it drops, and how often a set is drawn."""
    cfg = load(CONFIGS / name.split('_')[0] / f'{name}.py')
    assert cfg.optim_wrapper.optimizer.lr == lr
    assert cfg.param_scheduler.milestones == milestones
    assert cfg.train_dataloader.sampler.get('ratios') == ratios


def test_configs_resolve_by_the_name_of_the_package(tmp_path):
    if not (REPO / 'mmtmt' / '.mim' / 'configs').exists():
        pytest.skip('the package was not installed from here')
    recipe = relative(RECIPES[0])
    (tmp_path / 'mine.py').write_text(f"_base_ = 'mmtmt::{recipe}'\nlog_level = 'WARNING'\n")
    mine = load(tmp_path / 'mine.py')
    mine.model.pop('_scope_', None)
    assert mine.model == load(RECIPES[0]).model and mine.log_level == 'WARNING'
