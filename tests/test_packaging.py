"""What a wheel carries, what it asks for, and that it works from where it is installed."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """A wheel built from a copy of the sources, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in ('mmtmt', 'configs', 'tools'):
        ignore = shutil.ignore_patterns('__pycache__', '.mim')
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ('setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in', 'LICENSE', 'README.md'):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    # The build backend by itself: no network and no second environment are needed.
    build = 'from setuptools.build_meta import build_wheel as b; import sys; b(sys.argv[1])'
    subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', build, str(folder)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    return next(folder.glob('*.whl'))


def test_wheel_carries_sources_data_and_configs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ['git', 'ls-files', 'mmtmt', 'configs'], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    for name in tracked:
        expected = f'mmtmt/.mim/{name}' if name.startswith('configs/') else name
        assert expected in names, name
    assert 'mmtmt/.mim/tools/train.py' in names and 'mmtmt/.mim/model-index.yml' in names
    assert not [name for name in names if name.startswith(('tests/', 'configs/', 'tools/'))]


def test_wheel_requires_no_mmcv(wheel):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
    metadata = Parser().parsestr(archive.read(name).decode())
    required = metadata.get_all('Requires-Dist')
    hard = {line.split()[0].split('>')[0].split('=')[0].split('<')[0].split(';')[0]
            for line in required if 'extra ==' not in line}  # fmt: skip
    assert not hard & {'mmcv', 'mmcv-lite'}
    assert {'torch', 'mmengine', 'mmdet', 'open_clip_torch', 'pycocotools', 'terminaltables',
            'av', 'safetensors'} <= hard  # fmt: skip
    assert {'lite', 'full', 'dev'} <= set(metadata.get_all('Provides-Extra'))
    assert metadata['Requires-Python'] == '>=3.11'


USE = """
import sys
sys.path.insert(0, sys.argv[1])
import mmtmt
assert mmtmt.__file__.startswith(sys.argv[1]), mmtmt.__file__
from mmengine.config import Config
from mmtmt.registry import MODELS
from mmtmt.taxonomy import Taxonomy, TextBank
from mmtmt.engine.launch import read_config
taxonomy = Taxonomy(['ytvis19', 'ovis'])
assert TextBank.load('minilm').lookup(taxonomy).shape[0] == len(taxonomy)
cfg = read_config('mmtmt::tmt_vis/tmt-vis_mask2former_demo_synth.py', {})
open('inherits.py', 'w').write("_base_ = 'mmtmt::tmt_vis/tmt-vis_mask2former_demo_synth.py'")
assert Config.fromfile('inherits.py').embed_dims == cfg.embed_dims
print('parameters', sum(p.numel() for p in MODELS.build(cfg.model).parameters()))
"""


def test_wheel_works_where_it_is_installed(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', USE, str(tmp_path / 'site')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'parameters' in result.stdout


def test_pins_satisfy_the_requirements():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / 'constraints/py311.txt').read_text().splitlines()
    pins = dict(line.split('==') for line in lines if line and not line.startswith('#'))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    setup = configparser.RawConfigParser()
    setup.read(ROOT / 'setup.cfg')
    extras = setup['options.extras_require']
    wanted = setup['options']['install_requires'] + extras['lite'] + extras['dev']
    for line in filter(None, wanted.splitlines()):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), line
