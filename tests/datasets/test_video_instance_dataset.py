import os

import numpy as np
import pytest
import torch

from mmtmt.datasets import OVISDataset, SampleKey, UVODataset, YouTubeVISDataset
from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.registry import DATASETS
from mmtmt.structures.images import FrameError
from tests.datasets.tiny_set import TRAIN_PIPELINE, TinySet

LOAD_ALL = [{'type': 'LoadClip'}, {'type': 'LoadTubes'}, {'type': 'PackClip'}]


class Frames:
    """A pipeline step that asks for given frames."""

    def __init__(self, *indices):
        self.indices = list(indices)

    def __call__(self, results):
        results['frame_indices'] = self.indices[: len(results['file_names'])]
        return results


def build(tiny, *frames, **more):
    pipeline = [Frames(*frames), *LOAD_ALL]
    return DATASETS.build(tiny.config(**{'pipeline': pipeline, **more}))


def test_labels_follow_ids_not_the_file(tiny):
    dataset = build(tiny, 0, 1, 2, 3)
    assert dataset.vocabulary.ids == (3, 7, 90)
    assert dataset.metainfo['classes'] == ('boat', 'fish', 'duck')
    assert dataset.metainfo['category_ids'] == (3, 7, 90)
    tubes = dataset[1]['data_samples'].gt_tubes
    assert tubes.labels.tolist() == [1, 2]


def test_clip_of_all_frames(tiny):
    item = build(tiny, 0, 1, 2, 3)[1]
    sample, tubes = item['data_samples'], item['data_samples'].gt_tubes
    assert item['inputs'].shape == (4, 3, 24, 40) and item['inputs'].dtype == torch.uint8
    # The crowd is left out, the ids are positions from 1.
    assert tubes.instance_ids.tolist() == [1, 3]
    assert tubes.masks.dtype == torch.bool
    for t in range(4):
        red = item['inputs'][t, 0] == 255
        assert torch.equal(red, torch.from_numpy(tiny.fish(t)))
        assert torch.equal(tubes.masks[0, t], red if t != 1 else torch.zeros_like(red))
    assert tubes.masks[1].flatten(1).sum(1).tolist() == [0, 0, 0, 80]
    assert (sample.dataset, sample.vocabulary, sample.video_id) == ('tiny', 'tiny', 20)
    assert sample.video_length == 4 and sample.frame_indices == [0, 1, 2, 3]
    assert sample.img_shape == sample.ori_shape == (24, 40)


def test_instances_are_those_of_the_clip(tiny):
    dataset = build(tiny, 0, 1)
    tubes = dataset[1]['data_samples'].gt_tubes
    assert tubes.instance_ids.tolist() == [1] and tubes.masks.shape == (1, 2, 24, 40)
    tubes = build(tiny, 1, 1)[1]['data_samples'].gt_tubes
    assert tubes.masks.shape == (0, 2, 24, 40) and len(tubes) == 0


def test_frames_without_annotation_are_kept(tiny):
    dataset = build(tiny, 0, 5)
    assert len(dataset) == 3
    item = dataset[2]
    assert item['data_samples'].frame_indices == [0, 5]
    assert item['data_samples'].gt_tubes.masks.shape == (0, 2, 24, 40)
    filtered = build(tiny, 0, filter_cfg={'filter_empty': True})
    assert [filtered.get_data_info(i)['video_id'] for i in range(len(filtered))] == [10, 20]


def test_same_key_same_clip_and_nothing_else_matters(tiny):
    dataset = DATASETS.build(tiny.config(pipeline=TRAIN_PIPELINE))
    first = dataset[SampleKey(1, 5, 2)]
    np.random.seed(1)
    torch.manual_seed(1)
    dataset[SampleKey(1, 9, 2)]
    again = dataset[SampleKey(1, 5, 2)]
    assert torch.equal(first['inputs'], again['inputs'])
    assert first['data_samples'].sample_index == 5
    variants = {
        (tuple(s.frame_indices), s.img_shape, s.flip)
        for s in (dataset[SampleKey(1, i, 2)]['data_samples'] for i in range(20))
    }
    assert len(variants) > 5


def test_test_mode(tiny):
    del tiny.data['annotations']
    pipeline = [{'type': 'LoadFrames', 'short_side': 12}, {'type': 'PackVideo'}]
    dataset = DATASETS.build(tiny.config(pipeline=pipeline, test_mode=True))
    item = dataset[2]
    source, sample = item['inputs'], item['data_samples']
    assert len(source) == 6 and source.ori_shape == (24, 40)
    assert source.img_shape == sample.img_shape == (12, 20)
    assert sample.frame_indices == list(range(6)) and sample.video_id == 30
    assert source.read(4, 6).shape == (2, 3, 12, 20)
    tiny.data['annotations'] = None
    assert len(DATASETS.build(tiny.config(pipeline=pipeline, test_mode=True))) == 3
    with pytest.raises(ValueError, match=r'train.json: expected "annotations" to train on'):
        DATASETS.build(tiny.config(pipeline=pipeline))


def test_items_are_counted_from_the_end_and_not_beyond(tiny):
    dataset = build(tiny, 0)
    assert dataset[-1]['data_samples'].video_id == 30
    with pytest.raises(IndexError):
        dataset[3]


def test_vocabulary_must_agree_with_the_file(tiny):
    with pytest.raises(ValueError, match=r'train.json: expected the 40 categories .* got 3'):
        build(tiny, 0, vocabulary='ytvis19')
    own = {'name': 'sea', 'names': ['boat', 'fish', 'duck']}
    dataset = build(tiny, 0, vocabulary=own, name=None)
    assert dataset.name == 'sea' and dataset.vocabulary.ids == (3, 7, 90)
    with pytest.raises(ValueError, match='id 3: expected .fish., got .boat.'):
        build(tiny, 0, vocabulary={'name': 'sea', 'names': ['fish', 'boat', 'duck']})


def test_missing_and_truncated_frames_are_named(tiny):
    path = tiny.root / 'frames/v20/00002.png'
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FrameError, match=r'tiny, video 20: .*v20/00002.png: .*truncated'):
        build(tiny, 2)[1]
    path.unlink()
    with pytest.raises(FrameError, match=r'tiny, video 20: .*v20/00002.png.*No such file'):
        build(tiny, 2)[1]


def test_frame_of_another_size_is_named(tiny):
    tiny.data['videos'][2]['width'] = 41
    with pytest.raises(FrameError, match=r'video 30: .*expected a frame of 24 x 41 .* 24 x 40'):
        build(tiny, 0)[2]


def test_links_do_not_lead_outside(tiny, tmp_path_factory):
    outside = tmp_path_factory.mktemp('outside') / 'secret.png'
    path = tiny.root / 'frames/v20/00002.png'
    os.rename(path, outside)
    path.symlink_to(outside)
    with pytest.raises(FrameError, match=r'video 20: v20/00002.png: expected a file in'):
        build(tiny, 2)[1]
    # The folder itself may be a link, and links inside of it are fine.
    path.unlink()
    path.symlink_to(tiny.root / 'frames/v20/00001.png')
    os.rename(tiny.root / 'frames', tiny.root / 'elsewhere')
    (tiny.root / 'frames').symlink_to(tiny.root / 'elsewhere')
    path = tiny.root / 'frames/v20/00002.png'
    path.unlink()
    path.symlink_to(tiny.root / 'elsewhere/v20/00001.png')
    assert build(tiny, 2)[1]['inputs'].shape == (1, 3, 24, 40)
    # A video's folder may not lead out either.
    os.rename(tiny.root / 'elsewhere/v20', outside.parent / 'v20')
    (tiny.root / 'elsewhere/v20').symlink_to(outside.parent / 'v20')
    with pytest.raises(FrameError, match=r'video 20: v20/00002.png: expected a file in'):
        build(tiny, 2)[1]


def test_bomb_is_refused_when_its_frame_comes(tiny):
    """The size is right, the runs claim 2 ** 25 pixels."""
    fish = tiny.data['annotations'][1]
    fish['segmentations'][2] = {'size': [24, 40], 'counts': 'PPPPP1'}
    dataset = build(tiny, 0, 2)
    where = 'tiny, video 20 of .*json: annotation 1, frame 1 of the clip: exp'
    with pytest.raises(ValueError, match=where):
        dataset[1]


def test_config_typos(tiny):
    with pytest.raises(ValueError, match=r"filter_cfg: expected filter_empty only, got \['empty"):
        build(tiny, 0, filter_cfg={'empty': True})
    with pytest.raises(TypeError, match='ann_fil'):
        DATASETS.build({'type': 'VideoInstanceDataset', 'ann_fil': 'x'})
    with pytest.raises(FileNotFoundError):
        DATASETS.build({'type': 'VideoInstanceDataset', 'ann_file': 'none.json'})


def test_presets():
    def make(cls, **kwargs):
        return cls(ann_file='x.json', lazy_init=True, **kwargs)

    assert make(YouTubeVISDataset, year=2019).name == 'ytvis19'
    assert make(YouTubeVISDataset, year=2021).vocabulary.name == 'ytvis21'
    assert make(OVISDataset).vocabulary.names[24] == 'Vehical'
    assert make(UVODataset, name='uvo_dense').name == 'uvo_dense'
    with pytest.raises(ValueError, match='2019 or 2021, got 2020'):
        make(YouTubeVISDataset, year=2020)


@pytest.mark.realdata
@pytest.mark.parametrize(
    'name, cls', [('ytvis19', YouTubeVISDataset), ('ovis', OVISDataset), ('uvo', UVODataset)]
)
def test_recorded_videos(real_root, name, cls):
    extra = {'year': 2019} if cls is YouTubeVISDataset else {}
    options = {'data_root': str(real_root / name), 'data_prefix': {'img': 'JPEGImages'}, **extra}
    train = cls(ann_file='train.json', pipeline=TRAIN_PIPELINE, **options)
    for index in range(len(train)):
        item = train[SampleKey(index, index)]
        tubes = item['data_samples'].gt_tubes
        assert item['inputs'].shape[0] == 2
        assert tubes.masks.shape[1:] == (2, *item['inputs'].shape[-2:])
        assert tubes.masks.flatten(1).any(1).all()
    pipeline = [{'type': 'LoadFrames'}, {'type': 'PackVideo'}]
    valid = cls(ann_file='valid.json', pipeline=pipeline, test_mode=True, **options)
    source = valid[0]['inputs']
    assert min(source.img_shape) == 360
    assert source.read(1, 3).shape == (2, 3, *source.img_shape)


def test_label_map_renames_and_leaves_out(tmp_path):
    tiny = TinySet(tmp_path)
    zoo = {'name': 'zoo', 'source': str(tiny.save())}
    target = {'name': 'two', 'names': ['bird', 'swimmer']}
    label_map = {'target': target, 'categories': {'fish': 'swimmer', 'boat': 'swimmer'}}
    dataset = DATASETS.build(tiny.config(vocabulary=zoo, label_map=label_map))
    assert (dataset.name, dataset.vocabulary.name) == ('tiny', 'two')
    assert dataset.metainfo['classes'] == ('bird', 'swimmer')
    labels = [[i['label'] for i in dataset.get_data_info(k)['instances']] for k in range(3)]
    assert labels == [[1], [1, 1], []], 'the duck has no category there'
    with pytest.raises(ValueError, match='for training alone'):
        DATASETS.build(tiny.config(vocabulary=zoo, label_map=label_map, test_mode=True))
    with pytest.raises(ValueError, match='needs a vocabulary'):
        DATASETS.build(tiny.config(label_map=label_map))


def test_own_categories_with_a_name_of_several_meanings(tmp_path):
    tiny = TinySet(tmp_path)
    tiny.data['categories'][0]['name'] = 'mouse'
    tiny.data['categories'][2]['name'] = 'dragon'  # or else it reads as YouTube-VIS, of animals
    with pytest.raises(AnnotationError, match="'mouse' has several meanings"):
        DATASETS.build(tiny.config())
    tiny.data['categories'][0]['key'] = 'mouse'
    assert 'mouse' in DATASETS.build(tiny.config()).vocabulary.keys


@pytest.mark.parametrize('crowd', ['0', 'false', 2])
def test_a_crowd_that_is_neither_0_nor_1_is_refused(tiny, crowd):
    tiny.data['annotations'][0]['iscrowd'] = crowd
    told = f'annotation .*expected iscrowd to be 0 or 1, got {crowd!r}'
    with pytest.raises(ValueError, match=told):
        build(tiny)
