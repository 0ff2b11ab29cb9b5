"""The fixes for current PyTorch: what they bring, and that they step aside."""

import subprocess
import sys
from pathlib import Path

import mmengine.config.config
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.utils.dl_utils.misc import mmcv_full_available

from mmtmt.registry import MODELS
from mmtmt.utils import compat

ROOT = Path(__file__).resolve().parents[2]


def run(code, **kwargs):
    """Run Python code in a fresh process of the repository and return its output."""
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        **kwargs,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def slow_nms(boxes, scores, threshold, offset=0):
    """The definition, box by box."""

    def area(box):
        return max(box[2] - box[0] + offset, 0) * max(box[3] - box[1] + offset, 0)

    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        for j in kept:
            low, high = np.maximum(boxes[i], boxes[j]), np.minimum(boxes[i], boxes[j])
            common = area([*low[:2], *high[2:]])
            if common > threshold * (area(boxes[i]) + area(boxes[j]) - common):
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
def test_nms_keeps_what_the_definition_keeps(offset):
    rng = np.random.default_rng(0)
    for count in (0, 1, 40):
        corners = rng.uniform(0, 20, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(1, 15, (count, 2))], axis=1)
        scores = rng.permutation(count) / max(count, 1)
        kept = compat.nms(torch.tensor(boxes), torch.tensor(scores), 0.4, offset=offset)
        assert kept.tolist() == slow_nms(boxes, scores, 0.4, offset)


@pytest.mark.skipif(mmcv_full_available(), reason='this mmcv has compiled operators')
def test_operators_of_mmcv_work_or_say_why_not():
    from mmcv.ops import batched_nms, roi_align

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    _, kept = batched_nms(boxes, scores, torch.zeros(3), {'type': 'nms', 'iou_threshold': 0.5})
    assert kept.tolist() == [0, 2]
    with pytest.raises(RuntimeError, match=r'roi_align.* is compiled code.*mmtmt\[full\]'):
        roi_align(torch.rand(1, 3, 8, 8), torch.tensor([[0.0, 1, 1, 4, 4]]), 2)


def test_mmdet_models_are_there():
    assert MODELS.get('mmdet.ResNet').__module__.startswith('mmdet.')


def test_installing_twice_does_nothing_more():
    before = sys.modules.get('mmcv._ext')
    assert compat.install() is compat.install()
    assert compat.fix_torchvision() is None and compat.fix_mmcv_ext() is None
    assert sys.modules.get('mmcv._ext') is before


REAL_EXTENSION = """
import sys, types, importlib.machinery
ext = types.ModuleType('mmcv._ext')
ext.__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', None)
sys.modules['mmcv._ext'] = ext
import mmtmt.registry
assert sys.modules['mmcv._ext'] is ext
print('real one kept')
"""


def test_compiled_operators_are_left_alone():
    assert 'real one kept' in run(REAL_EXTENSION)


NO_MMCV = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'mmcv':
            raise ModuleNotFoundError(name)
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name.split('.')[0] == 'mmcv' else real(name, *a)
try:
    import mmtmt.registry
except ImportError as error:
    print(error)
"""


def test_missing_mmcv_is_named_with_the_remedy():
    assert "pip install 'mmtmt[lite]'" in run(NO_MMCV)


def test_package_of_an_editable_install_is_found(tmp_path):
    """Metadata in one folder, the package in another: mmengine alone looks beside the metadata."""
    looked_up = compat._path(lambda package: str(tmp_path / package))
    assert Path(looked_up('mmtmt')) == ROOT / 'mmtmt'
    assert looked_up('no_such_package') == str(tmp_path / 'no_such_package')

    def without_pkg_resources(package):
        raise ModuleNotFoundError("No module named 'pkg_resources'")

    assert Path(compat._path(without_pkg_resources)('mmtmt')) == ROOT / 'mmtmt'
    assert compat._installed(without_pkg_resources)('mmtmt')
    assert not compat._installed(without_pkg_resources)('no_such_package')


def test_the_real_look_up_comes_first():
    assert compat._path(lambda package: str(ROOT))('mmtmt') == str(ROOT)
    assert mmengine.config.config.get_installed_path('mmdet').endswith('mmdet')


def test_configs_of_mmdet_can_be_inherited(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("_base_ = 'mmdet::_base_/schedules/schedule_1x.py'\n")
    assert Config.fromfile(path).train_cfg.max_epochs == 12


BROKEN_EXTENSION = """
import pathlib, sys, tempfile
folder = pathlib.Path(tempfile.mkdtemp())
(folder / '_ext.py').write_text("raise ImportError('undefined symbol: _ZN3c10')")
import mmcv
mmcv.__path__.insert(0, str(folder))
import mmtmt.registry, mmdet.models
from mmtmt.utils import compat
print([line for line in compat.install() if 'undefined symbol' in line])
"""


def test_compiled_operators_that_do_not_load_are_replaced():
    assert 'compiled operators of mmcv do not load (undefined symbol' in run(BROKEN_EXTENSION)
