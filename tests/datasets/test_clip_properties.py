"""What holds for every chain of transforms."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmtmt.datasets.transforms import (
    ClipCrop,
    ClipFlip,
    ClipFrameWise,
    ClipLargeScaleJitter,
    ClipPhotometric,
    ClipRandomApply,
    ClipResize,
    ClipRotate,
    PackClip,
)
from tests.datasets.clip_properties import painted_clip, pure_pixels

side = st.integers(3, 70)
interpolation = st.sampled_from(['bilinear', 'area', 'pillow'])
step = st.one_of(
    st.builds(ClipFlip, prob=st.sampled_from([0, 0.5, 1])),
    st.builds(ClipResize, short_sides=st.lists(side, min_size=1, max_size=3),
              max_size=st.integers(40, 120), interpolation=interpolation),
    st.builds(ClipResize, size=st.tuples(side, side), interpolation=interpolation),
    st.builds(ClipCrop, size=st.tuples(side, side), moving=st.booleans()),
    st.builds(lambda low, more, moving: ClipCrop(size_range=(low, low + more), moving=moving),
              side, side, st.booleans()),
    st.builds(ClipRotate, max_degrees=st.sampled_from([0, 15, 90, 180])),
    st.builds(ClipLargeScaleJitter, size=st.tuples(side, side), pad_value=st.just(0),
              scale_range=st.sampled_from([(0.1, 2.0), (1, 1)]), interpolation=interpolation),
)
steps = st.lists(step, max_size=2)
chains = st.lists(
    st.one_of(
        step, st.builds(lambda steps: ClipRandomApply(transforms=steps), steps),
        st.builds(lambda steps: ClipFrameWise(transforms=steps, pad_value=(0, 0, 0)), steps)),
    max_size=5,
)
clips = st.tuples(
    st.integers(0, 2**32), st.integers(2, 60), st.integers(2, 60), st.integers(1, 4),
    st.integers(0, 3))


def run(clip, chain):
    results = painted_clip(*clip)
    for transform in chain:
        results = transform(results)
    return PackClip(with_boxes=True)(results)


@given(clip=clips, chain=chains)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_masks_ids_and_boxes_follow_pixels(clip, chain):
    item = run(clip, chain)
    inputs, sample = item['inputs'].numpy(), item['data_samples']
    tubes = sample.gt_tubes
    num_frames, num_instances = clip[3:]
    assert inputs.shape == (num_frames, 3, *sample.img_shape)
    assert tubes.masks.shape == (len(tubes), num_frames, *sample.img_shape)
    # No instance without a pixel, no pixel of two instances.
    assert tubes.masks.flatten(1).any(1).all()
    masks = np.zeros((3, num_frames, *sample.img_shape), dtype=bool)
    ids = tubes.instance_ids.numpy()
    assert len(set(ids)) == len(ids) and (ids <= num_instances).all()
    assert (tubes.labels.numpy() == ids + 9).all()
    masks[ids - 1] = tubes.masks.numpy()
    assert (masks.sum(axis=0) <= 1).all()
    # Pixels that no neighbour has been mixed into.
    shown, black = pure_pixels(inputs)
    assert masks[shown].all()
    assert not masks[:, black].any()
    assert_extents(tubes)


def assert_extents(tubes):
    for tube, boxes in zip(tubes.masks, tubes.boxes):
        for mask, box in zip(tube, boxes):
            if mask.any():
                rows, columns = torch.where(mask)
                edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                assert box.tolist() == [float(edge) for edge in edges]
            else:
                assert box.tolist() == [0, 0, 0, 0]


@given(clip=clips, chain=chains)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_same_generator_same_clip(clip, chain):
    first, second = run(clip, chain), run(clip, chain)
    assert torch.equal(first['inputs'], second['inputs'])
    for key, value in first['data_samples'].gt_tubes.items():
        assert torch.equal(value, second['data_samples'].gt_tubes[key])


@given(clip=clips)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_photometric_changes_colours_alone(clip):
    item, before = run(clip, [ClipPhotometric()]), run(clip, [])
    assert item['inputs'].shape == before['inputs'].shape
    tubes, expected = item['data_samples'].gt_tubes, before['data_samples'].gt_tubes
    assert tubes.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in tubes.items())
