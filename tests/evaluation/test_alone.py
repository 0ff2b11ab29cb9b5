"""The evaluation as another project uses it: with NumPy and pycocotools, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASE = ROOT / 'tests' / 'golden' / 'ytvis_eval_a'
# What `pip install --no-deps` leaves out.
CODE = """
import json, pathlib, sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {'torch', 'torchvision', 'mmengine', 'mmdet', 'mmcv', 'scipy',
                                      'cv2', 'terminaltables', 'av', 'safetensors', 'open_clip'}:
            raise ModuleNotFoundError(f'{name} is not installed here')

sys.meta_path.insert(0, Refuse())
from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis import analyze, compare
from mmtmt.evaluation.functional import validate_submission, write_results, write_submission
case, folder = sys.argv[1], pathlib.Path(sys.argv[2])
gt, results = f'{case}_gt.json.gz', f'{case}_results.json.gz'
analyze(gt, results, replicates=2)
compare(gt, {'a': results, 'b': []}, replicates=2)
write_submission(write_results([], folder / 'results.json'), folder / 'submission.zip')
print(json.dumps([evaluate(gt, results)['stats'], len(validate_submission(results, gt))]))
"""


def test_needs_numpy_and_pycocotools_alone(tmp_path):
    command = [sys.executable, '-c', CODE, str(CASE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    stats, _ = json.loads(done.stdout)
    assert stats == pytest.approx(json.loads(Path(f'{CASE}.json').read_text())['stats'], abs=1e-12)
