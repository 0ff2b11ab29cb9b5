from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import InstanceData

from mmtmt.datasets import ConcatDataset
from mmtmt.datasets.synthetic import SyntheticOptions, generate
from mmtmt.registry import HOOKS
from mmtmt.utils.video import VideoFrameSource


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    options = SyntheticOptions(
        sets=('synth_ytvis', 'synth_ovis'), train=0, valid=2, length=3, height=32, width=48
    )
    generate(root, options, workers=1)
    return ConcatDataset(
        [
            {
                'type': 'VideoInstanceDataset',
                'vocabulary': name,
                'data_root': str(root / name),
                'ann_file': 'valid.json',
                'data_prefix': {'img': 'JPEGImages'},
                'test_mode': True,
                'pipeline': [{'type': 'LoadFrames', 'size': (32, 48)}, {'type': 'PackVideo'}],
            }
            for name in options.sets
        ]
    )


def test_draws_every_set_beside_the_ground_truth(dataset, tmp_path):
    # what lies there already is left alone, and no part of the page
    (tmp_path / 'earlier.mp4').write_text('mine')
    hook = HOOKS.build(
        {'type': 'VISVisualizationHook', 'show_dir': str(tmp_path), 'max_videos': 1, 'fps': 4}
    )
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))
    hook.before_test_epoch(runner)
    for index in range(len(dataset)):
        item = dataset[index]
        instances = dataset.get_data_info(index)['instances']
        item['data_samples'].pred_tubes = InstanceData(
            scores=torch.full((len(instances),), 0.8),
            labels=torch.tensor([instance['label'] for instance in instances]),
            tubes=[[i['tube'].rle(t) for t in range(len(i['tube']))] for i in instances],
        )
        batch = {'inputs': [item['inputs']], 'data_samples': [item['data_samples']]}
        hook.after_test_iter(runner, index, batch, batch['data_samples'])
    hook.after_test_epoch(runner, {'synth_ytvis/AP': 0.25, 'synth_ytvis/AP_small': 0.125})

    videos = sorted(tmp_path.glob('synth*.mp4'))
    assert [video.name for video in videos] == ['synth_ovis_0001.mp4', 'synth_ytvis_0001.mp4']
    source = VideoFrameSource(videos[1])
    assert source.fps == 4 and len(source) == len(dataset[0]['inputs'])
    height, width = source.ori_shape
    # Two enlarged frames of 32 x 48 beside each other.
    assert 2.5 < width / height < 3.2
    page = (tmp_path / 'index.html').read_text()
    assert '0.250' in page and '0.125' not in page and 'earlier' not in page
    assert page.count('<video') == 2 and not (tmp_path / 'earlier.jpg').exists()
