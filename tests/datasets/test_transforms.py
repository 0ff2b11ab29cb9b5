import cv2
import numpy as np
import pytest

from mmtmt.datasets.transforms import (
    ClipCrop,
    ClipFlip,
    ClipMasks,
    ClipPhotometric,
    ClipRandomApply,
    ClipResize,
    ClipStages,
    LoadTubes,
    PackClip,
    SampleClip,
)
from mmtmt.datasets.transforms.shared import map_once
from mmtmt.structures.resize import nearest_indices
from tests.datasets.tiny_set import box_mask, to_rle


def sample_frames(length, seed, **options):
    results = {'rng': np.random.default_rng(seed), 'file_names': ['x'] * length}
    return SampleClip(**options)(results)['frame_indices']


def test_sampled_frames_lie_around_a_reference():
    seen = set()
    for seed in range(300):
        frames = sample_frames(30, seed, num_frames=3, frame_range=4)
        assert frames == sorted(frames) and len(frames) == 3
        assert frames[-1] - frames[0] <= 8
        assert all(0 <= frame < 30 for frame in frames)
        seen.update(frames)
    assert seen == set(range(30))


def test_reference_is_not_drawn_again():
    assert all(len(set(sample_frames(5, seed, num_frames=2))) == 2 for seed in range(50))
    # With three frames from three, both others may be the same one, or not.
    kinds = {len(set(sample_frames(3, seed, num_frames=3))) for seed in range(50)}
    assert kinds == {2, 3}


def test_without_replacement():
    options = {'num_frames': 3, 'with_replacement': False}
    assert all(len(set(sample_frames(3, seed, **options))) == 3 for seed in range(20))
    assert len(sample_frames(2, 0, **options)) == 3


def test_short_videos_and_single_frames():
    assert sample_frames(1, 0, num_frames=4) == [0, 0, 0, 0]
    assert len(sample_frames(9, 0, num_frames=1)) == 1
    with pytest.raises(ValueError, match='from 1, got 0 and 20'):
        SampleClip(num_frames=0)


def counts(mask):
    return to_rle(mask)['counts'].encode()


def test_clip_masks_equal_step_by_step_transforms():
    rng = np.random.default_rng(0)
    masks = rng.random((3, 2, 37, 53)) > 0.5
    lazy = ClipMasks([[counts(m) for m in tube] for tube in masks], 'abc', 2, 37, 53)

    lazy.resize(30, 70)
    masks = masks[:, :, nearest_indices(37, 30)][..., nearest_indices(53, 70)]
    lazy.flip()
    masks = masks[..., ::-1]
    corners = [(3, 5), (0, 8)]
    lazy.crop(corners, 20, 40)
    masks = np.stack(
        [masks[:, t, y : y + 20, x : x + 40] for t, (y, x) in enumerate(corners)], axis=1
    )
    lazy.flip()
    lazy.resize(60, 80)
    masks = masks[..., ::-1].repeat(3, axis=2).repeat(2, axis=3)
    assert lazy.shape == (60, 80)
    np.testing.assert_array_equal(lazy.decode(), masks)


def clip(seed, height=60, width=90, frames=3):
    """A clip whose frames are white where the only instance is."""
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(frames):
        top, left = rng.integers(0, 25, 2)
        masks.append(box_mask(top, left, top + 30, left + 50, height, width))
    return {
        'rng': rng,
        'frames': [np.repeat(m[..., None] * np.uint8(255), 3, axis=2) for m in masks],
        'masks': ClipMasks([[counts(m) for m in masks]], ['one'], frames, height, width),
        'labels': np.array([4]),
        'instance_ids': np.array([9]),
        'scale_factor': (1.0, 1.0),
        'flip': False,
        'dataset': 'd',
        'vocabulary': 'v',
        'video_id': 1,
        'frame_indices': list(range(frames)),
        'file_names': ['x'] * frames,
        'height': height,
        'width': width,
        'sample_index': 0,
    }


PIPELINES = {
    'flip': [ClipFlip(prob=1)],
    'crop': [ClipCrop(size_range=(30, 50))],
    'fixed crop': [ClipCrop(size=(32, 64))],
    'small': [ClipResize(short_sides=(20, 30))],
    'stretched': [ClipResize(size=(50, 40))],
    'large': [ClipResize(short_sides=100, max_size=120)],
    'all': [
        ClipRandomApply(
            transforms=[ClipResize(short_sides=(80, 100)), ClipCrop(size_range=(40, 60))]
        ),
        ClipResize(short_sides=(48, 64), max_size=100),
        ClipFlip(prob=0.5),
    ],
}


def test_the_samples_of_a_step_get_one_size():
    step = ClipResize(short_sides=range(20, 60, 4), clips_per_size=4)
    sizes = [step({**clip(index), 'sample_index': index, 'seed': 5})['frames'][0].shape[0]
             for index in range(80)]
    groups = [set(sizes[start:start + 4]) for start in range(0, 80, 4)]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) > 5
    other = [step({**clip(index), 'sample_index': index, 'seed': 6})['frames'][0].shape[0]
             for index in range(80)]
    assert other != sizes
    with pytest.raises(ValueError, match='clips_per_size: expected at least 1, got 0'):
        ClipResize(short_sides=3, clips_per_size=0)


def test_a_frame_that_comes_several_times_is_changed_once():
    frames, seen = [np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)], []

    def change(frame):
        seen.append(frame)
        return frame + 1

    changed = map_once(change, [frames[0], frames[1], frames[0]])
    assert len(seen) == 2 and [frame[0, 0, 0] for frame in changed] == [1, 2, 1]
    assert changed[0] is changed[2]


def test_the_first_samples_have_transforms_of_their_own():
    first = [dict(type='ClipResize', size=(9, 9))]
    then = [ClipResize(size=(5, 7)), ClipFlip(prob=1)]
    step = ClipStages(first_samples=7, first=first, then=then)
    for sample_index in (0, 6, 7, 100):
        results = step({**clip(0), 'sample_index': sample_index})
        assert results['frames'][0].shape[:2] == ((9, 9) if sample_index < 7 else (5, 7))
        assert results['flip'] == (sample_index >= 7)
    with pytest.raises(ValueError, match='at least 1 sample in the first stage, got 0'):
        ClipStages(first_samples=0, first=[], then=[])


@pytest.mark.parametrize('name', PIPELINES)
def test_masks_follow_pixels(name):
    for seed in range(8):
        results = clip(seed)
        for transform in PIPELINES[name]:
            results = transform(results)
        shape = results['frames'][0].shape[:2]
        item = PackClip()(results)
        sample = item['data_samples']
        assert tuple(item['inputs'].shape[-2:]) == sample.img_shape == shape
        if len(sample.gt_tubes) == 0:
            continue
        white = item['inputs'][:, 0].numpy() > 127
        mask = sample.gt_tubes.masks[0].numpy()
        # They may differ by a pixel along the edges, where interpolation mixes pixels.
        edges = (
            np.abs(np.diff(white.astype(int), axis=1)).sum()
            + np.abs(np.diff(white.astype(int), axis=2)).sum()
        )
        assert (white != mask).sum() <= edges
        assert sample.gt_tubes.labels.tolist() == [4]
        assert sample.gt_tubes.instance_ids.tolist() == [9]


def test_flip_is_for_the_clip():
    flips = set()
    for seed in range(20):
        results = clip(seed)
        before = results['frames']
        after = ClipFlip(prob=0.5)(results)
        for old, new in zip(before, after['frames']):
            np.testing.assert_array_equal(new, old[:, ::-1] if after['flip'] else old)
        flips.add(after['flip'])
    assert flips == {True, False}


def test_instances_out_of_view_are_dropped():
    results = clip(0)
    results['masks'].crop([(58, 88)] * 3, 2, 2)
    results['frames'] = [frame[58:, 88:] for frame in results['frames']]
    tubes = PackClip()(results)['data_samples'].gt_tubes
    assert tubes.masks.shape == (0, 3, 2, 2) and tubes.labels.shape == (0,)


def test_metainfo_of_scale():
    results = ClipResize(size=(30, 30))(clip(0))
    assert results['scale_factor'] == (30 / 90, 30 / 60)
    results = ClipResize(short_sides=120)(results)
    assert results['scale_factor'] == (120 / 90, 120 / 60)


def test_crop_keeps_to_the_frame():
    assert ClipCrop(size_range=(384, 600))(clip(0))['frames'][0].shape == (60, 90, 3)
    sizes = {ClipCrop(size_range=(10, 40))(clip(seed))['frames'][0].shape for seed in range(40)}
    assert {size[0] for size in sizes} != {size[1] for size in sizes}
    assert all(10 <= length <= 40 for size in sizes for length in size[:2])


def test_photometric_is_the_same_for_all_frames():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    changed = 0
    for seed in range(12):
        results = clip(seed)
        results['frames'] = [frame, frame.copy()]
        first, second = ClipPhotometric()(results)['frames']
        np.testing.assert_array_equal(first, second)
        changed += not np.array_equal(first, frame)
    assert changed > 6
    results['frames'] = [frame]
    np.testing.assert_array_equal(ClipPhotometric(prob=0)(results)['frames'][0], frame)


def test_photometric_brightness_and_saturation():
    results = clip(0)
    results['frames'] = [np.full((4, 4, 3), (200, 100, 100), np.uint8)]
    grey = ClipPhotometric(brightness=0, contrast=(1, 1), saturation=(0, 0), hue=0, prob=1)
    assert (grey(results)['frames'][0] == 200).all()
    half = ClipPhotometric(brightness=0, contrast=(0.5, 0.5), saturation=(1, 1), hue=0, prob=1)
    hsv = cv2.cvtColor(half(results)['frames'][0], cv2.COLOR_RGB2HSV)
    assert (hsv[..., 2] == 100).all()


@pytest.mark.parametrize(
    'make',
    [
        lambda: ClipFlip(prob=1.5),
        lambda: ClipCrop(),
        lambda: ClipCrop(size_range=(5, 3)),
        lambda: ClipResize(),
        lambda: ClipResize(short_sides=[]),
        lambda: ClipResize(short_sides=3, size=(3, 3)),
    ],
)
def test_wrong_options(make):
    with pytest.raises(ValueError, match='expected'):
        make()


def test_load_tubes_without_instances():
    results = {'frame_indices': [0, 1], 'instances': [], 'height': 4, 'width': 5}
    results = LoadTubes()(results)
    assert results['masks'].decode().shape == (0, 2, 4, 5)
    assert results['labels'].dtype == np.int64
