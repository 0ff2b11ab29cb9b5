"""From generated videos to metrics and overlays, through the scripts that users call.

The toy models of other tests are left out on purpose: here the demo's TMT-VIS is trained for a few
steps, killed, resumed, tested and shown. One process does most of it, since imports take longest.
"""

import contextlib
import io
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as mask_api

from mmtmt.engine import load_checkpoint_file, save_checkpoint
from mmtmt.utils.video import VideoFrameSource, VideoWriter, open_frame_source

ROOT = Path(__file__).resolve().parents[1]
STEPS, KILLED_AFTER = 4, 3
CONFIG = f"""
_base_ = {str(ROOT / 'configs/tmt_vis/tmt-vis_mask2former_demo_synth.py')!r}
custom_imports = dict(imports=['diary_hook'])
train_dataloader = dict(batch_size=1)
train_cfg = dict(max_iters={STEPS}, val_begin=99)
default_hooks = dict(checkpoint=dict(interval=2), logger=dict(interval=1))
custom_hooks = [
    dict(type='NaNGuardHook'), dict(type='SemanticWarmupHook', num_iters=1),
    dict(type='DiaryHook')]
"""
DIARY_HOOK = """
import json, os, signal
from mmengine.hooks import Hook
from mmtmt.registry import HOOKS

@HOOKS.register_module()
class DiaryHook(Hook):
    '''Notes every step, and dies where the environment says.'''

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        clips = [
            [s.dataset, s.video_id, s.sample_index, s.flip, list(s.frame_indices)]
            for s in data_batch['data_samples']]
        step = [runner.iter, runner.optim_wrapper.get_lr()['lr'], outputs['loss'].item(), clips]
        with open(os.path.join(runner.work_dir, 'diary.jsonl'), 'a') as file:
            file.write(json.dumps(step) + '\\n')
        if os.environ.get('DIE_AFTER') == str(runner.iter + 1):
            os.kill(os.getpid(), signal.SIGKILL)
"""
SETS = ('synth_ytvis', 'synth_uvo', 'synth_ovis')
SHOWN = 'synth_ytvis'


def run(script, *arguments):
    """Run a script of the repository in this process and return what it printed."""
    before, printed = sys.argv, io.StringIO()
    sys.argv = [script, *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            runpy.run_path(str(ROOT / script), run_name='__main__')
    except SystemExit as end:
        assert not end.code, f'{end.code}\n{printed.getvalue()}'
    finally:
        sys.argv = before
    return printed.getvalue()


def message_of(script, *arguments):
    """Run a script that has to end with a message, and return it."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, 'argv', [script, *map(str, arguments)])
        runpy.run_path(str(ROOT / script), run_name='__main__')
    assert isinstance(end.value.code, str) and end.value.code.startswith('error: ')
    return end.value.code


def diary(work_dir):
    """The steps of a run, in the order in which they were done."""
    return [json.loads(line) for line in Path(work_dir, 'diary.jsonl').read_text().splitlines()]


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """A folder to work in, with data and a config; one thread, so that sums don't vary."""
    folder = tmp_path_factory.mktemp('world')
    (folder / 'config.py').write_text(CONFIG)
    (folder / 'diary_hook.py').write_text(DIARY_HOOK)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        patch.setenv('OMP_NUM_THREADS', '1')
        patch.delenv('DIE_AFTER', raising=False)
        run(
            'tools/dataset_converters/make_synthetic.py', 'data/synth', '--preset', 'tiny',
            '--train', 2, '--valid', 1, '--workers', 1,
        )  # fmt: skip
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def trained(world):
    """Checkpoint of a run that nothing interrupted; another was killed meanwhile, and resumed."""
    paths = [str(world), str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    killed = subprocess.Popen(
        [sys.executable, ROOT / 'tools/train.py', 'config.py', '--work-dir', 'parts'],
        env={
            **os.environ,
            'PYTHONPATH': os.pathsep.join(paths),
            'DIE_AFTER': str(KILLED_AFTER),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    run('tools/train.py', 'config.py', '--work-dir', 'whole')
    output, _ = killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL, output[-3000:]
    assert sorted(path.name for path in Path('parts').glob('*.pth')) == ['iter_2.pth']
    run('tools/train.py', 'config.py', '--work-dir', 'parts', '--resume')
    return world / f'whole/iter_{STEPS}.pth'


@pytest.fixture(scope='module')
def model(trained):
    """The trained model with masks: after four steps it draws nothing, with noise it draws much."""
    checkpoint = load_checkpoint_file(trained)
    generator = torch.Generator().manual_seed(0)
    for part in ('weight', 'bias'):
        values = checkpoint['state_dict'][f'decoder.decoder.head.mask_embed.4.{part}']
        values += torch.randn(values.shape, generator=generator)
    save_checkpoint(checkpoint, 'model.pth')
    return 'model.pth'


def demo(source, checkpoint, out, *arguments):
    """Predict with the demo script; returns the entries of its json file."""
    run(
        'demo/video_demo.py', source, 'config.py', checkpoint, '--out', out,
        '--vocabulary', SHOWN, '--min-score', 0, '--device', 'cpu', *arguments,
    )  # fmt: skip
    return json.loads(Path(out).with_suffix('.json').read_text())


@pytest.fixture(scope='module')
def frames(world):
    """The folder of a test video's frames."""
    return world / f'data/synth/{SHOWN}/JPEGImages/valid_0000'


@pytest.fixture(scope='module')
def shown(model, frames):
    """What the demo script predicts on a folder of frames."""
    return demo(frames, model, 'frames.mp4')


@pytest.fixture(scope='module')
def tested(world, model, shown):
    """Printed and logged numbers of tools/test.py.

    A model of four steps finds nothing right, so one set's ground truth is made of what it
    predicts: of three objects, one exactly, one in its first half alone, and one elsewhere.
    """
    path = world / f'data/synth/{SHOWN}/valid.json'
    truth = json.loads(path.read_text())
    video = truth['videos'][0]
    tubes = [entry for entry in shown if any(map(is_seen, entry['segmentations']))]
    first, second = tubes[0], next(t for t in tubes if t['category_id'] != tubes[0]['category_id'])
    half = [m if i < 2 else None for i, m in enumerate(second['segmentations'])]
    corner = np.zeros((video['height'], video['width']), np.uint8, order='F')
    corner[:5, :5] = 1
    rle = mask_api.encode(corner)
    rle['counts'] = rle['counts'].decode()
    objects = [(first, first['segmentations']), (second, half), (first, [rle] * len(half))]
    truth['annotations'] = [
        dict(
            id=number, video_id=video['id'], category_id=entry['category_id'], iscrowd=0,
            segmentations=segmentations)
        for number, (entry, segmentations) in enumerate(objects, start=1)
    ]  # fmt: skip
    path.write_text(json.dumps(truth))
    printed = run(
        'tools/test.py', 'config.py', model, '--work-dir', 'test', '--out', 'results.json',
        '--show-dir', 'shown', '--show-score', 0,
    )  # fmt: skip
    (log,) = Path('test').glob('*/*.json')
    return printed, json.loads(log.read_text())


def is_seen(rle):
    """Whether an RLE or None covers anything."""
    return rle is not None and mask_api.area(rle) > 0


# --- training


def test_killed_run_continues_schedule_and_data(trained):
    whole, parts = diary('whole'), diary('parts')
    assert [step[0] for step in whole] == [0, 1, 2, 3]
    # The checkpoint was of step 2, so the third step was done twice.
    assert parts == [*whole[:KILLED_AFTER], *whole[2:]]
    assert len({step[1][0] for step in whole}) == STEPS, 'the learning rate never changed'


def test_resumed_weights_are_those_of_the_whole_run(trained):
    whole = load_checkpoint_file(trained)['state_dict']
    parts = load_checkpoint_file(f'parts/iter_{STEPS}.pth')['state_dict']
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


# --- testing


def test_results_of_all_sets_are_written(tested):
    results = json.loads(Path('results.json').read_text())
    assert {entry['dataset'] for entry in results} == set(SETS)
    for name in SETS:
        entries = json.loads(Path(f'results/{name}/results.json').read_text())
        assert entries == [
            {key: value for key, value in entry.items() if key != 'dataset'}
            for entry in results
            if entry['dataset'] == name
        ]
        assert len(list(Path('shown').glob(f'{name}_*.mp4'))) == 1
    assert Path('shown/index.html').is_file()


@pytest.mark.parametrize('name', SETS)
def test_eval_results_gives_the_numbers_of_the_test(tested, name):
    printed, logged = tested
    run(
        'tools/eval_results.py', f'data/synth/{name}/valid.json', f'results/{name}/results.json',
        '--out', 'metrics.json',
    )  # fmt: skip
    metrics = json.loads(Path('metrics.json').read_text())
    columns = ('AP', 'AP50', 'AP75', 'AR1', 'AR10')
    assert [logged[f'{name}/{key}'] for key in columns] == [metrics[key] for key in columns]
    row = re.search(rf'\| {name} +\|(.*)', printed)[1]
    assert re.findall(r'-?\d\.\d+', row) == [f'{metrics[key]:.3f}' for key in columns]
    if name == SHOWN:
        assert 0 < metrics['AP'] < 1


# --- showing


def test_demo_predicts_what_the_test_predicts(shown, tested):
    entries = json.loads(Path(f'results/{SHOWN}/results.json').read_text())
    keys = ('category_id', 'segmentations')
    assert len(entries) > 1
    assert [[e[key] for key in keys] for e in entries] == [[e[key] for key in keys] for e in shown]
    np.testing.assert_allclose([e['score'] for e in entries], [e['score'] for e in shown])


def test_demo_draws_a_folder_and_a_video_file(model, frames, shown):
    source = open_frame_source(frames)
    with VideoWriter('clip.mp4', fps=5) as writer:
        for frame in source.decode(0, len(source)):
            writer.write(frame)
    entries = demo('clip.mp4', model, 'clip_out.mp4')
    assert len(entries) == len(shown)
    for out in ('frames.mp4', 'clip_out.mp4'):
        assert len(VideoFrameSource(out)) == len(source)
    # Lossy, so masks differ somewhat; they are of every frame and of the video's size.
    assert all(len(entry['segmentations']) == len(source) for entry in entries)
    assert VideoFrameSource('clip_out.mp4').fps == 5


# --- what goes wrong


@pytest.fixture
def broken(world):
    """A copy of the videos of one set, to be damaged, and the options to train on it alone."""
    folder = world / 'broken'
    shutil.copytree(world / f'data/synth/{SHOWN}', folder)
    options = ['--work-dir', 'broken_run', '--cfg-options']
    options += [f'train_dataloader.dataset.datasets.0.data_root={folder}']
    options += ['train_dataloader.sampler.ratios=[1,0,0]']
    yield folder, options
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [(lambda data: None, 'No such file'), (lambda data: data[:300], 'truncated after 300 bytes')],
    ids=['missing', 'truncated'],
)
@pytest.mark.parametrize('workers', [0, 1])
def test_damaged_frame_is_named(broken, damage, reason, workers):
    folder, options = broken
    for path in folder.glob('JPEGImages/train_*/*.jpg'):
        rest = damage(path.read_bytes())
        path.unlink() if rest is None else path.write_bytes(rest)
    message = message_of(
        'tools/train.py', 'config.py', *options, f'train_dataloader.num_workers={workers}'
    )
    assert re.search(rf'error: {SHOWN}, video \d+: .*train_\d+/\d+.jpg: .*{reason}', message)


def test_mistake_in_the_config_is_named(world):
    Path('typo.py').write_text("_base_ = 'config.py'\nmodel = dict(criterion=dict(num_point=9))\n")
    message = message_of('tools/train.py', 'typo.py')
    assert 'model.criterion.num_point' in message and 'num_points' in message


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('model.candidates=all', "model.candidates: expected one of .* got 'all'"),
        ('model.text_bank.path=nowhere.safetensors', "text bank 'nowhere.safetensors': neither"),
        ('model.text_bank.centre=True', 'centre'),
        ('model.taxonomy.aliases=loose', "unknown aliases 'loose'"),
        ('train_dataloader.sampler.ratios=[1,1]', 'expected 3 ratios, one per dataset'),
    ],
)
def test_wrong_value_in_the_config_is_told_in_a_line(world, option, message):
    options = ('--work-dir', 'wrong', '--cfg-options', option)
    found = message_of('tools/train.py', 'config.py', *options)
    assert re.search(message, found) and '\n' not in found


def test_weights_with_the_taxonomy_modules_are_not_cut_silently(world, trained):
    Path('plain.py').write_text(
        "_base_ = 'config.py'\n"
        'model = dict(decoder=dict(_delete_=True, **_base_.model.decoder.decoder),\n'
        "    criterion=dict(taxonomy_loss='off'))\n"
        f'load_from = {str(trained)!r}\n'
    )
    message = message_of('tools/train.py', 'plain.py', '--work-dir', 'plain')
    assert 'has no place for' in message and "allow_unexpected=['decoder.compilation'" in message


def test_checkpoint_of_another_model_is_refused(world, trained):
    wider = 'model.decoder.decoder.num_queries=21'
    for script, arguments in (
        ('tools/test.py', [trained, '--work-dir', 'other', '--cfg-options', wider]),
        ('tools/train.py', ['--resume', trained, '--work-dir', 'other', '--cfg-options', wider]),
    ):
        message = message_of(script, 'config.py', *arguments)
        assert f'{trained.name} does not fit Mask2FormerVIS' in message
        assert 'query_feat.weight (20, 128) for (21, 128)' in message
