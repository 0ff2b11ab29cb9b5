import pytest
import torch
from mmdet.structures import TrackDataSample
from mmengine.structures import InstanceData

from mmtmt.structures.samples import make_sample, make_tubes


def sample_with_tubes():
    sample = make_sample(
        dataset='tiny',
        vocabulary='tiny',
        video_id=3,
        frame_indices=[0, 2],
        video_length=5,
        ori_shape=(10, 20),
        img_shape=(5, 10),
    )
    sample.gt_tubes = make_tubes(
        torch.tensor([1, 0]), torch.zeros(2, 2, 5, 10, dtype=torch.bool), torch.tensor([1, 2])
    )
    sample.pred_tubes = InstanceData(scores=torch.ones(1), tubes=[[None, None]])
    return sample


def test_instances_stay_whole_when_a_sample_moves():
    """mmdet's own class would make a list of single instances of them."""
    for moved in (sample_with_tubes().to('cpu'), sample_with_tubes().cpu()):
        assert isinstance(moved, TrackDataSample)
        assert isinstance(moved.gt_tubes, InstanceData)
        assert moved.gt_tubes.labels.tolist() == [1, 0]
        assert moved.pred_tubes.tubes == [[None, None]]
        assert moved.video_id == 3 and moved.scale_factor == (0.5, 0.5)


def test_evaluators_see_a_dictionary():
    data = sample_with_tubes().to_dict()
    assert data['dataset'] == 'tiny'
    assert data['pred_tubes']['tubes'] == [[None, None]]


def test_tubes_are_checked():
    with pytest.raises(ValueError, match='masks: expected 4 dimensions of torch.bool'):
        make_tubes(torch.zeros(1).long(), torch.zeros(1, 2, 3, 3), torch.ones(1).long())
