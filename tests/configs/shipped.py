"""The shipped configs, and what their parts are called."""

import re
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

REPO = Path(__file__).resolve().parents[2]
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
DEFAULT_VOCABULARY = {
    'CocoPseudoVideoDataset': 'coco', 'OVISDataset': 'ovis', 'UVODataset': 'uvo'}


def relative(path):
    return str(path.relative_to(CONFIGS))


def load(path):
    init_default_scope('mmtmt')
    # a runner logs it as text, which yapf takes seconds to format
    return Config.fromfile(path, format_python_code=False)


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
