import copy
import pickle
from multiprocessing.reduction import ForkingPickler

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
    with pytest.raises(ValueError, match=r'labels: expected positions .*, got .2, -1.'):
        make_tubes(torch.tensor([2, -1]), torch.zeros(2, 2, 3, 3).bool(), torch.ones(2).long())


def test_tubes_leave_a_worker_with_their_sample():
    """A shared file per tensor is slow, and systems allow a thousand or so of them."""
    sample = sample_with_tubes()
    sample.gt_tubes.masks = torch.rand(2, 2, 5, 9) > 0.5
    sample.gt_tubes.boxes = torch.rand(2, 2, 4)
    sample.gt_tubes.names = ['fish', 'boat']
    sent = bytes(ForkingPickler.dumps(sample))
    # what torch writes for a tensor in shared memory, here that of the scores
    assert b'rebuild_storage' in sent
    assert b'rebuild_storage' not in bytes(ForkingPickler.dumps(sample_with_only_ground_truth()))
    for copied in (pickle.loads(sent), copy.deepcopy(sample)):
        assert isinstance(copied.gt_tubes, InstanceData) and copied.metainfo == sample.metainfo
        assert set(copied.gt_tubes.keys()) == set(sample.gt_tubes.keys())
        for key, value in sample.gt_tubes.items():
            if key == 'names':
                assert copied.gt_tubes.names == value
            else:
                assert torch.equal(copied.gt_tubes[key], value)
                assert copied.gt_tubes[key].dtype == value.dtype
        assert copied.pred_tubes.tubes == [[None, None]]
        copied.gt_tubes.labels += 1
    assert sample.gt_tubes.labels.tolist() == [1, 0]


def sample_with_only_ground_truth():
    sample = sample_with_tubes()
    del sample.pred_tubes
    return sample


def test_a_sample_without_tubes_is_pickled():
    sample = sample_with_tubes()
    del sample.gt_tubes, sample.pred_tubes
    assert pickle.loads(pickle.dumps(sample)).metainfo == sample.metainfo


def test_empty_masks_are_pickled():
    sample = sample_with_tubes()
    sample.gt_tubes = make_tubes(
        torch.zeros(0).long(), torch.zeros(0, 2, 5, 10, dtype=torch.bool), torch.zeros(0).long())
    assert pickle.loads(pickle.dumps(sample)).gt_tubes.masks.shape == (0, 2, 5, 10)
