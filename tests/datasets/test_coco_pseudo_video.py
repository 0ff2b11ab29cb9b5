"""Images as clips, as images, and against pycocotools' own evaluation."""

import contextlib
import io
import itertools
import json

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch.utils.data import DataLoader

from mmtmt.datasets import CocoPseudoVideoDataset, RatioSampler, SampleKey
from mmtmt.evaluation import evaluate
from mmtmt.registry import DATASETS
from mmtmt.taxonomy import load_vocabulary
from tests.datasets.tiny_set import box_mask, to_rle

HEIGHT, WIDTH = 60, 80
COCO_NAMES = load_vocabulary('coco')
PSEUDO_STEPS = [
    {'type': 'LoadClip'},
    {'type': 'LoadTubes'},
    {'type': 'ClipRandomApply', 'transforms': [
        {'type': 'ClipResize', 'short_sides': [70, 90]},
        {'type': 'ClipCrop', 'size_range': (40, 60), 'moving': True}]},
    {'type': 'ClipResize', 'short_sides': [40, 50], 'max_size': 100},
    {'type': 'ClipFlip'},
    {'type': 'ClipRotate'},
    {'type': 'PackClip'},
]


def id_of(name):
    return COCO_NAMES.ids[COCO_NAMES.names.index(name)]


class TinyCoco:
    """Three images: a person (polygon) and skis (RLE), a toaster and a crowd, nothing."""

    def __init__(self, root):
        self.root = root
        (root / 'images').mkdir()
        self.data = {
            'images': [{'id': i, 'file_name': f'{i}.png', 'height': HEIGHT, 'width': WIDTH}
                       for i in (9, 4, 7)],
            'annotations': [],
            'categories': [{'id': i, 'name': n} for i, n in zip(COCO_NAMES.ids, COCO_NAMES.names)],
        }
        rng = np.random.default_rng(0)
        self.person = box_mask(10, 20, 50, 60, HEIGHT, WIDTH)
        for i in (9, 4, 7):
            image = rng.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            if i == 9:
                image[self.person] = (0, 0, 255)
            cv2.imwrite(str(root / 'images' / f'{i}.png'), image)
        skis = to_rle(box_mask(50, 0, 56, 80, HEIGHT, WIDTH))
        self.annotate(1, 9, 'person', [[20, 10, 60, 10, 60, 50, 20, 50]])
        self.annotate(2, 9, 'skis', skis)
        self.annotate(3, 4, 'toaster', to_rle(box_mask(0, 0, 9, 9, HEIGHT, WIDTH), 'runs'))
        self.annotate(4, 4, 'person', to_rle(self.person, 'runs'), iscrowd=1)

    def annotate(self, annotation_id, image_id, name, segmentation, iscrowd=0):
        self.data['annotations'].append({
            'id': annotation_id, 'image_id': image_id, 'category_id': id_of(name),
            'segmentation': segmentation, 'iscrowd': iscrowd, 'bbox': [0, 0, 1, 1], 'area': 1.0})

    def build(self, num_frames=3, steps=PSEUDO_STEPS, **more):
        path = self.root / 'instances.json'
        path.write_text(json.dumps(self.data))
        pipeline = [{'type': 'SampleClip', 'num_frames': num_frames}, *steps]
        return DATASETS.build({
            'type': 'CocoPseudoVideoDataset', 'ann_file': str(path), 'pipeline': pipeline,
            'data_prefix': {'img': str(self.root / 'images')}, **more})


@pytest.fixture
def coco(tmp_path):
    return TinyCoco(tmp_path)


def names(dataset, item):
    return [dataset.vocabulary.names[label] for label in item['data_samples'].gt_tubes.labels]


def test_clip_of_an_image(coco):
    dataset = coco.build(steps=[PSEUDO_STEPS[0], PSEUDO_STEPS[1], PSEUDO_STEPS[-1]])
    assert len(dataset) == 3 and dataset.name == dataset.vocabulary.name == 'coco'
    item = dataset[0]
    sample, tubes = item['data_samples'], item['data_samples'].gt_tubes
    assert sample.video_id == 9 and sample.frame_indices == [0, 0, 0] and sample.video_length == 1
    assert names(dataset, item) == ['person', 'skis'] and tubes.instance_ids.tolist() == [1, 2]
    assert torch.equal(tubes.masks[0], torch.from_numpy(coco.person).expand(3, -1, -1))
    assert torch.equal(tubes.masks[0], item['inputs'][:, 0] == 255)
    # The crowd is left out.
    assert names(dataset, dataset[1]) == ['toaster']
    assert len(dataset[2]['data_samples'].gt_tubes) == 0
    assert len(coco.build(filter_cfg={'filter_empty': True})) == 2


def test_clip_moves_smoothly_with_its_masks(coco):
    dataset = coco.build(num_frames=5)
    moved = 0
    for sample_index in range(20):
        item = dataset[SampleKey(0, sample_index)]
        masks = item['data_samples'].gt_tubes.masks[0]
        red = item['inputs'][:, 0].int() - item['inputs'][:, 1].int() > 120
        # Interpolation blurs the edge, nothing else.
        assert (masks != red).float().mean() < 0.03
        moved += not torch.equal(masks[0], masks[-1])
        steps = [(masks[t] != masks[u]).float().mean() for t, u in ((0, 1), (0, 4))]
        assert steps[0] <= steps[1] + 0.02
    assert moved == 20


def test_order_of_the_file_does_not_matter(coco):
    before = coco.build()[SampleKey(0, 3)]
    coco.data = {key: coco.data[key] for key in ('annotations', 'categories', 'images')}
    after = coco.build()[SampleKey(0, 3)]
    assert torch.equal(before['inputs'], after['inputs'])
    first, second = (item['data_samples'].gt_tubes for item in (before, after))
    assert torch.equal(first.masks, second.masks) and torch.equal(first.labels, second.labels)


def test_mapped_labels(coco):
    dataset = coco.build(label_map={'target': 'ytvis19'})
    assert (dataset.name, dataset.vocabulary.name) == ('coco', 'ytvis19')
    assert names(dataset, dataset[0]) == ['person', 'snowboard']
    assert dataset[0]['data_samples'].vocabulary == 'ytvis19'
    # A toaster has no counterpart, a crowd doesn't count.
    assert len(dataset[1]['data_samples'].gt_tubes) == 0
    assert len(coco.build(label_map={'target': 'ytvis19'}, filter_cfg={'filter_empty': True})) == 1


def test_large_scale_jitter_of_single_images(coco):
    steps = [*PSEUDO_STEPS[:2], {'type': 'ClipFlip'},
             {'type': 'ClipLargeScaleJitter', 'size': (100, 90)}, {'type': 'PackClip'}]
    dataset = coco.build(num_frames=1, steps=steps)
    scales, padded = set(), 0
    for sample_index in range(20):
        item = dataset[SampleKey(0, sample_index)]
        assert item['inputs'].shape == (1, 3, 100, 90)
        scales.add(item['data_samples'].scale_factor)
        padded += bool((item['inputs'][0, :, -1, -1] == 128).all())
        grey = (item['inputs'][0] == 128).all(0)
        assert not item['data_samples'].gt_tubes.masks[:, 0, grey].any()
    assert len(scales) == 20 and 0 < padded < 20


def test_two_views_of_an_image(coco):
    """Each is drawn on its own; what is padded belongs to nothing."""
    views = {'type': 'ClipFrameWise', 'transforms': [
        {'type': 'ClipFlip'},
        {'type': 'ClipRandomApply', 'transforms': [{'type': 'ClipCrop', 'size_range': (40, 60)}]},
        {'type': 'ClipResize', 'short_sides': [40, 60], 'max_size': 100}]}
    dataset = coco.build(num_frames=2, steps=[*PSEUDO_STEPS[:2], views, {'type': 'PackClip'}])
    different, apart = 0, 0
    for sample_index in range(30):
        item = dataset[SampleKey(0, sample_index)]
        sample, inputs = item['data_samples'], item['inputs']
        shapes = sample.frame_shapes
        assert sample.img_shape == tuple(map(max, zip(*shapes))) == tuple(inputs.shape[-2:])
        for frame, masks, (height, width) in zip(
                inputs, sample.gt_tubes.masks.unbind(1), shapes):
            for margin in (frame[:, height:], frame[:, :, width:]):
                assert (margin == torch.tensor([124, 116, 104])[:, None, None]).all()
            assert not masks[:, height:].any() and not masks[:, :, width:].any()
            assert masks[:, :height, :width].shape[1:] == (height, width)
        different += shapes[0] != shapes[1]
        apart += len(sample.gt_tubes) and not sample.gt_tubes.masks.flatten(2).any(2).all()
    assert 0 < different < 30 and apart


def test_workers_change_nothing(coco):
    dataset = coco.build()

    def clips(num_workers, batch_size):
        loader = DataLoader(dataset, batch_size, num_workers=num_workers, collate_fn=list,
                            sampler=RatioSampler(dataset, seed=5))
        return list(itertools.chain(*itertools.islice(loader, 8 // batch_size)))

    alone, shared = clips(0, 2), clips(2, 4)
    assert len(alone) == len(shared) == 8
    for item, other in zip(alone, shared):
        assert torch.equal(item['inputs'], other['inputs'])
        first, second = item['data_samples'], other['data_samples']
        assert first.sample_index == second.sample_index
        assert torch.equal(first.gt_tubes.masks, second.gt_tubes.masks)


def test_average_precision_is_that_of_coco(coco):
    """Images are one-frame videos, and boxes in json files don't count."""
    results = []
    for image_id, name, mask, score in (
        (9, 'person', box_mask(12, 20, 50, 62, HEIGHT, WIDTH), 0.9),
        (9, 'person', box_mask(10, 20, 30, 60, HEIGHT, WIDTH), 0.8),
        (9, 'skis', box_mask(50, 0, 56, 70, HEIGHT, WIDTH), 0.7),
        (4, 'toaster', box_mask(0, 0, 9, 9, HEIGHT, WIDTH), 0.3),
        (7, 'toaster', box_mask(0, 0, 9, 9, HEIGHT, WIDTH), 0.4),
        (4, 'person', coco.person, 0.95),
    ):
        results.append((image_id, id_of(name), to_rle(mask), score))
    coco.annotate(5, 7, 'person', to_rle(box_mask(5, 5, 30, 30, HEIGHT, WIDTH)))
    ours = evaluate(coco.data, [
        dict(video_id=i, category_id=c, segmentations=[rle], score=s) for i, c, rle, s in results])
    for annotation in coco.data['annotations']:
        rle = annotation['segmentation']
        if not isinstance(rle, dict) or isinstance(rle['counts'], list):
            rle = mask_api.merge(mask_api.frPyObjects(rle, HEIGHT, WIDTH)) \
                if isinstance(rle, list) else mask_api.frPyObjects(rle, HEIGHT, WIDTH)
        annotation['area'] = float(mask_api.area(rle))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = coco.data
        truth.createIndex()
        theirs = COCOeval(truth, truth.loadRes([
            dict(image_id=i, category_id=c, segmentation=rle, score=s)
            for i, c, rle, s in results]), 'segm')
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    assert 0.2 < theirs.stats[0] < 0.9
    assert [ours[key] for key in ('AP', 'AP50', 'AP75')] == pytest.approx(theirs.stats[:3])


BROKEN = {
    'no images': (lambda d: d.pop('images'), r'expected a COCO json with a list "images", got'),
    'videos': (lambda d: d.update(videos=d.pop('images')), 'a YouTube-VIS file'),
    'outside': (lambda d: d['images'][0].update(file_name='../x.png'), "got '../x.png'"),
    'no name': (lambda d: d['images'][0].pop('file_name'), 'video 9: expected file_names'),
    'huge': (lambda d: d['images'][0].update(width=10**9), "'width' from 1 to 32768"),
    'unknown image': (lambda d: d['annotations'][0].update(image_id=3), 'there is no video 3'),
    'list as id': (lambda d: d['annotations'][0].update(image_id=[3]), "integer 'video_id'"),
    'mask': (lambda d: d['annotations'][1].update(segmentation='x'), 'annotation 2: segmentations'),
    'size': (lambda d: d['images'][0].update(width=81), r'annotation 2: .*size \[60, 81\]'),
    'entry': (lambda d: d['annotations'].append(5), r'annotations\[4\]: expected an object, got 5'),
    'category': (lambda d: d['annotations'][0].update(category_id=12), 'category id 12'),
    'hidden': (lambda d: d.pop('annotations'), 'expected "annotations" to train on'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_broken_files_are_named(coco, name):
    change, message = BROKEN[name]
    change(coco.data)
    with pytest.raises(ValueError, match=rf'instances.json: .*{message}'):
        coco.build()


def test_video_files_are_told_from_image_files(tiny):
    path = tiny.save()
    with pytest.raises(ValueError, match='a YouTube-VIS file'):
        CocoPseudoVideoDataset(ann_file=str(path))


@pytest.mark.realdata
def test_real_images(real_root):
    dataset = CocoPseudoVideoDataset(
        ann_file='instances.json', data_root=str(real_root / 'coco'),
        data_prefix={'img': 'images'},
        pipeline=[{'type': 'SampleClip', 'num_frames': 2}, *PSEUDO_STEPS])
    for index in range(len(dataset)):
        item = dataset[SampleKey(index, index)]
        tubes = item['data_samples'].gt_tubes
        assert tubes.masks.shape[1:] == (2, *item['inputs'].shape[-2:])
        assert tubes.masks.flatten(1).any(1).all()
