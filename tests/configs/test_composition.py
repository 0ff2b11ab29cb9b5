"""What configs inherit, what their names promise, and how the two arms of a comparison differ."""

import ast

import pytest
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmtmt.engine import load_into
from mmtmt.registry import MODELS
from tests.configs.shipped import (
    CONFIGS,
    MODEL_BASES,
    NAME,
    RECIPES,
    REPO,
    SHIPPED,
    dataset_name,
    load,
    relative,
)
from tests.configs.toy_size import shrink_model

# folder and first part of the name of each plain base, by the first part of its TMT-VIS's name
BASES = {
    'tmt-vis_mask2former': ('mask2former_vis', 'mask2former-vis'),
    'tmt-vis_minvis': ('minvis', 'minvis'),
    'tmt-vis_idol': ('idol', 'idol'),
    'tmt-vis_vita': ('vita', 'vita'),
    'tmt-vis_genvis-online': ('genvis', 'genvis-online'),
    'tmt-vis_genvis-semi-online': ('genvis', 'genvis-semi-online'),
}


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
