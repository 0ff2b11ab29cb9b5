"""The README and metafile.yml of every method say what its configs are."""

import re
from pathlib import Path

import pytest
import yaml

from tests.configs.shipped import METHODS, NAME, REPO, load, relative


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
            if width := cfg.model.backbone.get('base_channels'):
                backbone += f' of width {width}'
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
