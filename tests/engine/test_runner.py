"""Training, resuming and loading through the runner, on a toy model."""

import itertools
import json
import multiprocessing
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mmtmt.engine import VISRunner, find_latest_checkpoint
from mmtmt.engine.checkpoint import CheckpointError
from mmtmt.engine.config_check import ConfigError
from mmtmt.engine.hooks import NaNGuardHook
from tests.engine.toy import ToyMetric, ToySampler, toy_config


def run(work_dir, **changes):
    """Train and return the runner."""
    runner = VISRunner.from_cfg(Config(toy_config(work_dir, **changes)))
    runner.train()
    return runner


def load(path):
    return torch.load(path, weights_only=True)


def same(left, right, where=''):
    """Compare nested plain data exactly."""
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    elif isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            same(left[key], right[key], f'{where}.{key}')
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), where
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            same(a, b, f'{where}[{i}]')
    else:
        assert left == right, where


def test_everything_written_loads_as_plain_data(tmp_path):
    run(tmp_path)
    files = sorted(path.name for path in tmp_path.glob('*.pth'))
    assert files == ['iter_3.pth', 'iter_6.pth']
    checkpoint = load(tmp_path / 'iter_6.pth')
    assert {'state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'} <= checkpoint.keys()
    history = checkpoint['message_hub']['log_scalars']['train/loss']['log_history']
    assert len(history) == 6 and history.isfinite().all()


@pytest.mark.parametrize(
    ('num_workers', 'randomness', 'sampler_seed'),
    [
        (0, dict(seed=7), None),
        (1, dict(seed=7), None),
        (0, dict(seed=None), None),
        (0, dict(seed=7), 3),
        (0, dict(seed=7, diff_rank_seed=True), None),  # the sampler draws a seed of its own
    ],
)
def test_resume_is_exact_and_skips_nothing(tmp_path, num_workers, randomness, sampler_seed):
    loader = toy_config(tmp_path)['train_dataloader'] | {'num_workers': num_workers}
    if sampler_seed is not None:
        loader['sampler'] = dict(type='ToySampler', seed=sampler_seed)
    changes = dict(train_dataloader=loader, randomness=randomness)
    run(tmp_path, **changes)
    whole = load(tmp_path / 'iter_6.pth')
    (tmp_path / 'iter_6.pth').unlink()  # as after a kill between the two saves
    ToySampler.drawn = 0
    run(tmp_path, resume=True, **changes)
    if num_workers == 0:
        assert ToySampler.drawn == 3 * 2
    parts = load(tmp_path / 'iter_6.pth')
    for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
        same(whole[part], parts[part], part)
    for name in ('train/loss', 'train/grad_norm'):
        left, right = (c['message_hub']['log_scalars'][name] for c in (whole, parts))
        same(left, right, name)


def test_a_schedule_with_a_function_among_its_state_is_resumed(tmp_path):
    schedule = dict(type='OneCycleLR', eta_max=0.1, total_steps=6, by_epoch=False)
    run(tmp_path, param_scheduler=schedule)
    whole = load(tmp_path / 'iter_6.pth')
    (tmp_path / 'iter_6.pth').unlink()
    run(tmp_path, resume=True, param_scheduler=schedule)
    same(whole['optimizer'], load(tmp_path / 'iter_6.pth')['optimizer'], 'optimizer')


def test_a_validation_that_was_cut_off_at_the_end_is_made_up_for(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ToyMetric, 'compute_metrics', lambda self, results: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(tmp_path)
    assert load(tmp_path / 'iter_6.pth')['meta']['iter'] == 6
    runner = run(tmp_path, resume=True)
    assert runner.message_hub.get_scalar('val/videos').current() == 24


def test_epochs_of_an_endless_sampler_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='ToySampler has no end.*by_epoch=False'):
        run(tmp_path, train_cfg=dict(by_epoch=True, max_epochs=1))


def test_resume_without_checkpoint_starts_from_the_beginning(tmp_path):
    runner = run(tmp_path, resume=True)
    assert runner.iter == 6


def test_resume_without_checkpoint_keeps_the_weights_of_the_config(tmp_path, monkeypatch):
    run(tmp_path / 'before')
    weights = str(tmp_path / 'before/iter_6.pth')
    taken = []
    monkeypatch.setattr(VISRunner, 'load_checkpoint', lambda self, name, **_: taken.append(name))
    changes = dict(resume='auto', load_from=weights)
    assert run(tmp_path / 'after', **changes).iter == 6
    assert taken == [weights]
    monkeypatch.undo()
    resumed = run(tmp_path / 'after', **changes)
    assert resumed._load_from == str(tmp_path / 'after/iter_6.pth')


def test_latest_checkpoint_survives_a_move_and_a_lost_note(tmp_path):
    assert find_latest_checkpoint(tmp_path) is None
    (tmp_path / 'iter_3.pth').touch()
    assert find_latest_checkpoint(tmp_path).name == 'iter_3.pth'
    (tmp_path / 'iter_12.pth').touch()
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/iter_3.pth')
    assert find_latest_checkpoint(tmp_path).name == 'iter_3.pth'
    (tmp_path / 'last_checkpoint').write_text('')
    assert find_latest_checkpoint(tmp_path).name == 'iter_12.pth'
    (tmp_path / 'last_checkpoint').write_text('s3://bucket/run/iter_15.pth')
    assert find_latest_checkpoint(tmp_path) == 's3://bucket/run/iter_15.pth'


def test_averaged_weights_are_what_a_test_loads(tmp_path):
    run(tmp_path)
    checkpoint = load(tmp_path / 'iter_6.pth')
    averaged, trained = checkpoint['state_dict'], checkpoint['ema_state_dict']
    assert not torch.equal(averaged['head.weight'], trained['module.head.weight'])
    cfg = toy_config(tmp_path, load_from=str(tmp_path / 'iter_6.pth'), custom_hooks=[])
    runner = VISRunner.from_cfg(Config(cfg))
    runner.load_or_resume()
    same(dict(runner.model.state_dict()), dict(averaged))


def test_weights_of_ddp_are_what_a_test_loads(tmp_path):
    run(tmp_path)
    trained = load(tmp_path / 'iter_6.pth')['state_dict']
    prefixed = {f'module.{name}': value for name, value in trained.items()}
    torch.save(prefixed, tmp_path / 'ddp.pth')
    runner = VISRunner.from_cfg(Config(toy_config(tmp_path, load_from=str(tmp_path / 'ddp.pth'))))
    runner.call_hook('before_run')
    runner.load_or_resume()
    runner.call_hook('before_test_epoch')  # averaged weights take the place of the others
    same(dict(runner.model.state_dict()), dict(trained))


def test_old_values_of_losses_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr('mmtmt.engine.loops.MOST_VALUES', 4)
    run(tmp_path)
    for name, history in load(tmp_path / 'iter_6.pth')['message_hub']['log_scalars'].items():
        assert len(history['log_history']) <= 4, name


def test_resuming_reads_to_the_cpu(tmp_path, monkeypatch):
    run(tmp_path, max_iters=3)
    places, real = [], Runner.resume

    def resume(self, filename, optimizer=True, scheduler=True, map_location='default'):
        places.append(map_location)  # mmengine's default is the device
        real(self, filename, optimizer, scheduler, map_location)

    monkeypatch.setattr(Runner, 'resume', resume)
    run(tmp_path, resume=True)
    assert places == ['cpu']


def test_weights_alone_cannot_be_resumed(tmp_path):
    run(tmp_path)
    weights = {'state_dict': load(tmp_path / 'iter_6.pth')['state_dict']}
    torch.save(weights, tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match='holds no state of a run'):
        run(tmp_path / 'new', resume=True, load_from=str(tmp_path / 'weights.pth'), custom_hooks=[])


def test_checkpoint_of_another_model_is_refused(tmp_path):
    run(tmp_path)
    path = str(tmp_path / 'iter_6.pth')
    other = dict(type='ToyModel', width=5)
    data = toy_config(tmp_path)['train_dataloader'] | {'dataset': dict(type='ToyDataset', width=5)}
    with pytest.raises(ValueError, match=r'does not fit ToyModel.*\(1, 4\) for \(1, 5\)'):
        run(tmp_path / 'new', model=other, train_dataloader=data, load_from=path)


def test_nan_loss_stops_with_the_batch_and_keeps_the_checkpoint(tmp_path):
    sampler = iter(ToySampler(range(24), seed=7))  # the seed of the run
    drawn = [next(sampler) for _ in range(12)]
    bad = drawn[8]  # first of the fifth batch
    assert bad not in drawn[:8]
    with pytest.raises(FloatingPointError) as caught:
        run(tmp_path, model=dict(type='ToyModel', poison_at=bad))
    message = str(caught.value)
    assert 'iteration 4' in message and 'loss_fit is nan' in message
    assert f'dataset toy, video_id {bad}, frame_indices [0, 2]' in message
    assert 'iter_3.pth' in message
    report = json.loads((tmp_path / 'nan_iter_4.json').read_text())
    assert [sample['video_id'] for sample in report['batch']] == drawn[8:10]
    kept = load(tmp_path / 'iter_3.pth')
    assert all(v.isfinite().all() for v in kept['state_dict'].values())


@pytest.mark.parametrize(('scaled', 'overflows', 'stops'), [
    (False, [1.0, float('inf')], True),
    (True, [float('inf')] * 3 + [1.0] + [float('nan')] * 3, False),
    (True, [1.0] + [float('nan')] * 4, True),
])
def test_gradients_that_overflow(tmp_path, monkeypatch, scaled, overflows, stops):
    monkeypatch.setattr('mmtmt.engine.hooks.nan_guard_hook.MOST_OVERFLOWS', 3)
    hook, norms = NaNGuardHook(), HistoryBuffer()
    wrapper = SimpleNamespace(should_update=lambda: True)
    if scaled:
        wrapper.loss_scaler = None
    runner = SimpleNamespace(
        message_hub=SimpleNamespace(log_scalars={'train/grad_norm': norms}), optim_wrapper=wrapper,
        work_dir=str(tmp_path), iter=7, rank=1, world_size=2)
    for norm in overflows[:-1]:
        norms.update(norm)
        hook.after_train_iter(runner, 0)
    norms.update(overflows[-1])
    with pytest.raises(FloatingPointError) if stops else nullcontext():
        hook.after_train_iter(runner, 0)
    assert (tmp_path / 'nan_iter_7_rank_1.json').is_file() == stops


def test_weights_that_are_no_numbers_are_never_saved(tmp_path, monkeypatch):
    def step(self, loss, **kwargs):
        loss.backward()
        self.optimizer.step()
        steps.append(1)
        if len(steps) == 6:  # where no norm of gradients is looked at
            self.optimizer.param_groups[0]['params'][0].data[0, 1] = float('nan')

    steps = []
    monkeypatch.setattr(OptimWrapper, 'update_params', step)
    with pytest.raises(FloatingPointError, match='weight head.weight is nan') as caught:
        run(tmp_path)
    assert 'iter_3.pth' in str(caught.value)
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['iter_3.pth']


def test_activations_computed_twice_need_all_parameters(tmp_path):
    runner = VISRunner.from_cfg(Config(toy_config(tmp_path)))
    runner._distributed = True
    runner.model.with_cp = True
    with pytest.raises(ValueError, match='with_cp=True needs find_unused_parameters=False'):
        runner.build_train_loop(runner._train_loop)


def test_old_checkpoint_goes_only_after_the_new_one_is_there(tmp_path, monkeypatch):
    hooks = dict(
        checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=3, max_keep_ckpts=1),
        logger=dict(type='LoggerHook', interval=1),
    )
    real = VISRunner.save_checkpoint
    there = []

    def spy(self, out_dir, filename, *args, **kwargs):
        there.append(sorted(path.name for path in tmp_path.glob('*.pth')))
        if filename == 'iter_9.pth':
            raise OSError('disk full')
        real(self, out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(VISRunner, 'save_checkpoint', spy)
    with pytest.raises(OSError, match='disk full'):
        run(tmp_path, default_hooks=hooks, max_iters=12)
    assert there == [[], ['iter_3.pth'], ['iter_6.pth']]
    assert find_latest_checkpoint(tmp_path).name == 'iter_6.pth'
    assert load(tmp_path / 'iter_6.pth')['meta']['iter'] == 6


def test_save_best_keeps_one_best(tmp_path):
    hooks = dict(
        checkpoint=dict(
            type='CheckpointHook', by_epoch=False, interval=3, save_best='videos', rule='greater'
        ),
        logger=dict(type='LoggerHook', interval=1),
    )
    run(tmp_path, default_hooks=hooks)
    assert [path.name for path in tmp_path.glob('best*')] == ['best_videos_iter_6.pth']


def test_best_checkpoint_of_another_run_stays(tmp_path, monkeypatch):
    scores = itertools.count()
    monkeypatch.setattr(ToyMetric, 'compute_metrics', lambda *_: {'videos': next(scores)})
    hook = dict(
        type='CheckpointHook', by_epoch=False, interval=3, save_best='videos', rule='greater'
    )
    hooks = dict(checkpoint=hook, logger=dict(type='LoggerHook', interval=1))
    run(tmp_path / 'a', default_hooks=hooks)
    first = tmp_path / 'a/iter_6.pth'
    run(tmp_path / 'b', default_hooks=hooks, resume=True, load_from=str(first), max_iters=12)
    best = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob('*/best*'))
    assert best == ['a/best_videos_iter_6.pth', 'b/best_videos_iter_12.pth']


def test_workers_end_with_the_training(tmp_path):
    data = toy_config(tmp_path)['train_dataloader']
    loader = dict(data, num_workers=1, persistent_workers=True)
    runner = run(tmp_path, train_dataloader=loader)  # held, as by whoever trains in Python
    assert runner.iter == 6 and not multiprocessing.active_children()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=1, speed=1))), "'speed'"),
        (dict(param_scheduler=[dict(type='PolyLR', by_epoch=False, exponent=1.0)]), "'exponent'"),
        (dict(custom_hooks=[dict(type='Frobnicate')]), 'Frobnicate'),
        (dict(randomness=dict(number=1)), "'number'"),
        (dict(max_iters='10'), 'max_iters'),
        (dict(model=None), 'model: expected'),
    ],
)
def test_wrong_values_are_mistakes_in_the_config(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, **changes)


def test_weights_of_another_module_are_refused(tmp_path):
    torch.save({'state_dict': {'stages.0.weight': torch.ones(2)}}, tmp_path / 'other.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'other.pth'))
    with pytest.raises(CheckpointError, match='model.*other.pth has no weights of a ToyModel'):
        run(tmp_path, model=dict(type='ToyModel', init_cfg=init))
    torch.save({'state_dict': {'module.head.bias': torch.ones(1)}}, tmp_path / 'other.pth')
    run(tmp_path, model=dict(type='ToyModel', init_cfg=init), max_iters=1)


@pytest.mark.parametrize('batch_size', [3, 4])
def test_another_batch_size_goes_on_where_the_data_ended(tmp_path, batch_size):
    drawn = []

    def noted(self, draw=ToySampler.__iter__):
        drawn.append(self.start)
        return draw(self)

    def resume(size, max_iters):
        loader = toy_config(tmp_path)['train_dataloader'] | {'batch_size': size}
        runner = VISRunner.from_cfg(Config(toy_config(
            tmp_path, max_iters, train_dataloader=loader, resume=True)))
        drawn.clear()
        with patch.object(ToySampler, '__iter__', noted):
            runner.train()
        return drawn[-1]

    run(tmp_path)  # 6 steps of 2
    assert resume(batch_size, 9) == 12
    # 3 more of the new size
    assert resume(batch_size, 12) == 12 + 3 * batch_size
    assert resume(2, 15) == 12 + 6 * batch_size
