"""The training and test tools as a user runs them: one process, two processes, killed, misused."""

import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmtmt.datasets.synthetic import SyntheticOptions, generate
from mmtmt.engine import load_checkpoint_file
from tests.engine.toy import ToyModel, toy_config
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / 'configs/tmt_vis/tmt-vis_mask2former_demo_synth.py'


@pytest.fixture
def toy_file(tmp_path):
    """A config file of the toy model, writing to ``tmp_path/run``."""
    path = tmp_path / 'toy.py'
    Config(toy_config(tmp_path / 'run')).dump(path)
    return path


def start(command, folder, **environment):
    """Start a command of the repository as a user would, in a folder."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    settings = {
        'PYTHONPATH': path,
        'PYTHONWARNINGS': 'ignore',
        'OMP_NUM_THREADS': '1',
        'PYTHON': sys.executable,
    }
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **settings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    """Wait for a command that has to succeed and return its output."""
    output, _ = process.communicate(timeout=500)
    assert process.returncode == 0, output[-3000:]
    return output


def call(monkeypatch, tool, *arguments):
    """Run a tool in this process."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')


def test_killed_training_resumes_exactly(monkeypatch, tmp_path, toy_file):
    hook = 'default_hooks.checkpoint'
    options = ['--cfg-options', 'train_cfg.max_iters=60', f'{hook}.interval=10']
    options += [f'{hook}.max_keep_ckpts=1', 'default_hooks.logger.interval=100']
    options += ['train_cfg.val_begin=9999', 'param_scheduler.end=60']
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, 'train.py', toy_file, '--work-dir', 'whole', *options)

    slow = start(
        [sys.executable, ROOT / 'tools/train.py', toy_file, '--work-dir', 'parts', *options,
         'model.delay=0.1'], tmp_path,
    )  # fmt: skip
    deadline = time.time() + 300
    while not list((tmp_path / 'parts').glob('iter_*.pth')) and time.time() < deadline:
        assert slow.poll() is None, slow.stdout.read()[-3000:]
        time.sleep(0.01)
    slow.kill()
    slow.communicate()
    left = list((tmp_path / 'parts').glob('iter_*.pth'))
    assert left and all(load_checkpoint_file(path)['meta']['iter'] < 60 for path in left)

    options.append('experiment_name=continued')
    call(monkeypatch, 'train.py', toy_file, '--work-dir', 'parts', '--resume', *options)
    whole, parts = (
        load_checkpoint_file(tmp_path / name / 'iter_60.pth') for name in ('whole', 'parts')
    )
    for part in ('state_dict', 'ema_state_dict'):
        for name, value in whole[part].items():
            assert torch.equal(value, parts[part][name]), name
    assert [path.name for path in (tmp_path / 'parts').glob('*.pth')] == ['iter_60.pth']


def test_two_processes_train_and_give_the_results_of_one(tmp_path, monkeypatch):
    small = SyntheticOptions(train=1, valid=2, length=3, height=48, width=64)
    for _ in generate(tmp_path / 'data/synth', small, 1):
        pass
    config = tmp_path / 'tiny.py'
    config.write_text(
        f'_base_ = {str(DEMO)!r}\n'
        'train_dataloader = dict(batch_size=1)\n'
        'train_cfg = dict(max_iters=2, val_begin=9)\n'
        'default_hooks = dict(checkpoint=dict(interval=2))\n'
    )
    finish(
        start(
            [ROOT / 'tools/dist_train.sh', config, 2, '--work-dir', 'run'],
            tmp_path,
            PORT=free_port(),
        )
    )
    checkpoint = tmp_path / 'run/iter_2.pth'
    stored = load_checkpoint_file(checkpoint)
    assert stored['meta']['iter'] == 2 and stored['meta']['taxonomy']['keys']

    two = start(
        [ROOT / 'tools/dist_test.sh', config, checkpoint, 2, '--out', 'two.json'],
        tmp_path,
        PORT=free_port(),
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        call(
            monkeypatch, 'test.py', config, checkpoint, '--out', 'one.json',
            '--show-dir', 'shown', '--show-score', '0',
        )  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    finish(two)
    one = json.loads((tmp_path / 'one.json').read_text())
    assert one == json.loads((tmp_path / 'two.json').read_text())
    assert {entry['dataset'] for entry in one} == {'synth_ytvis', 'synth_uvo', 'synth_ovis'}
    assert {'video_id', 'category_id', 'score', 'segmentations'} <= one[0].keys()
    assert len(list((tmp_path / 'one').glob('*/submission.zip'))) == 3
    assert len(list((tmp_path / 'shown').glob('*.mp4'))) == 6


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere.py'], 'config nowhere.py does not exist'),
        (['{toy}', '--amp'], '--amp needs a GPU'),
        (['{toy}', '--auto-scale-lr'], 'auto_scale_lr.base_batch_size'),
        (['{toy}', '--cfg-options', 'optim_wraper.clip_grad=None'], 'did you mean optim_wrapper'),
        (['{toy}', '--cfg-options', 'train_cfg.max_iter=3'], 'did you mean max_iters'),
        (['{toy}', '--cfg-options', 'model.type=ToyModle'], 'model.type: "ToyModle" is not known'),
        (['{toy}', '--cfg-options', 'model.widths=4'], 'model.widths.*did you mean width'),
    ],
)
def test_mistakes_in_training_are_one_line(monkeypatch, toy_file, arguments, message):
    if '--amp' in arguments and torch.cuda.is_available():
        pytest.skip('there is a GPU')
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call(monkeypatch, 'train.py', *(part.format(toy=toy_file) for part in arguments))


def test_files_that_can_not_be_written_are_told_before_the_test(monkeypatch, tmp_path, toy_file):
    (tmp_path / 'results').write_text('a file where a folder is wanted')
    torch.save({'state_dict': {}}, tmp_path / 'toy.pth')
    config = tmp_path / 'config.py'
    config.write_text(f'_base_ = {str(toy_file)!r}\n' + "test_evaluator = dict("
                      "_delete_=True, type='VideoInstanceMetric', ann_files=dict(toy='a.json'))")
    with pytest.raises(SystemExit, match='error: --out: .*results'):
        call(monkeypatch, 'test.py', config, tmp_path / 'toy.pth', '--out',
             tmp_path / 'results.json')


def test_mistakes_in_testing_are_one_line(monkeypatch, tmp_path, toy_file):
    foreign = tmp_path / 'foreign.pth'
    torch.save({'state_dict': {}, 'extra': Path('x')}, foreign)
    cases = [
        (['nowhere.pth'], 'nowhere.pth does not exist'),
        ([foreign], r'pathlib.*--trust-checkpoint'),
        ([foreign, '--out', 'results.pkl'], 'ends with .json'),
        ([foreign, '--trust-checkpoint', '--out', 'a.json'], '--out needs a test_evaluator'),
        ([foreign, '--trust-checkpoint'], 'foreign.pth does not fit ToyModel'),
    ]
    for arguments, message in cases:
        with pytest.raises(SystemExit, match=f'error: .*{message}'):
            call(monkeypatch, 'test.py', toy_file, *arguments)


def test_print_config(monkeypatch, capsys, toy_file):
    call(monkeypatch, 'print_config.py', toy_file, '--key', 'optim_wrapper.optimizer.lr')
    assert capsys.readouterr().out.strip().endswith('0.05')
    call(monkeypatch, 'print_config.py', toy_file, '--cfg-options', 'randomness.seed=11')
    assert 'seed=11' in capsys.readouterr().out
    with pytest.raises(SystemExit, match="--key optim_wrapper.optimiser: no 'optimiser' in "):
        call(monkeypatch, 'print_config.py', toy_file, '--key', 'optim_wrapper.optimiser')


def test_trained_toy_model_is_tested(monkeypatch, tmp_path, toy_file, capsys):
    call(monkeypatch, 'train.py', toy_file, '--seed', '3')
    checkpoint = tmp_path / 'run/iter_6.pth'
    assert load_checkpoint_file(checkpoint)['meta']['seed'] == 3
    forward, precisions = ToyModel.forward, []

    def spy(model, *args, **kwargs):
        precisions.append(model.head(torch.zeros(1, 4)).dtype)
        return forward(model, *args, **kwargs)

    monkeypatch.setattr(ToyModel, 'forward', spy)
    call(monkeypatch, 'test.py', toy_file, checkpoint)
    assert set(precisions) == {torch.float32}
    precisions.clear()
    call(monkeypatch, 'test.py', toy_file, checkpoint, '--amp',
         '--cfg-options', 'experiment_name=mixed')
    assert set(precisions) == {torch.bfloat16}
