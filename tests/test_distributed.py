"""Several processes give the numbers of one, here over gloo and through the script that users call.

That they train, and predict the same, is tested with the tools.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests.datasets.tiny_set import HEIGHT, WIDTH, TinySet
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = [dict(type='LoadFrames', size=(HEIGHT, WIDTH)), dict(type='PackVideo')]


@pytest.fixture
def config(tmp_path):
    """Config of a model without training on 3 and 2 videos, a number that 2 doesn't divide."""
    datasets, ann_files = [], {}
    for name, indices in (('one', None), ('two', 2)):
        dataset = TinySet(tmp_path / name).config(name=name, pipeline=PIPELINE)
        ann_files[name] = str(tmp_path / name / 'train.json')
        datasets.append(
            {**dataset, 'vocabulary': ann_files['one'], 'indices': indices, 'test_mode': True})
    path = tmp_path / 'config.py'
    Config(
        dict(
            default_scope='mmtmt',
            custom_imports=dict(imports=['tests.toy_predictor']),
            model=dict(type='BrightPredictor', vocabulary=ann_files['one']),
            test_cfg=dict(),
            test_dataloader=dict(
                batch_size=1,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(type='ConcatDataset', datasets=datasets),
            ),
            test_evaluator=dict(type='VideoInstanceMetric', ann_files=ann_files),
        )
    ).dump(path)
    return path


def test_metrics_of_two_processes_are_those_of_one(tmp_path, config):
    checkpoint = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'threshold': torch.tensor(60.0)}}, checkpoint)
    running = {
        count: subprocess.Popen(
            [ROOT / 'tools/dist_test.sh', config, checkpoint, str(count), '--work-dir', str(count)],
            cwd=tmp_path,
            env={
                **os.environ,
                'PYTHON': sys.executable,
                'PYTHONPATH': str(ROOT),
                'OMP_NUM_THREADS': '1',
                'PORT': free_port(),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for count in (1, 2)
    }
    metrics = {}
    for count, process in running.items():
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output[-3000:]
        (log,) = (tmp_path / str(count)).glob('*/*.json')
        metrics[count] = json.loads(log.read_text())
        for key in ('data_time', 'time'):
            metrics[count].pop(key)
    assert metrics[1] == metrics[2]
    # Something is found, so that a video that is counted twice or is lost would show.
    assert 0 < metrics[1]['one/AP50'] < 1 and 0 < metrics[1]['two/AP50'] < 1
