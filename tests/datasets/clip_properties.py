"""Clips whose pixels tell which instance they show."""

import numpy as np

from mmtmt.datasets.transforms import ClipMasks
from tests.datasets.tiny_set import box_mask, to_rle

# No mixture of these and black is another one of them.
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)


def counts(mask):
    return to_rle(mask)['counts'].encode() if mask.any() else None


def painted_clip(seed, height, width, num_frames, num_instances):
    """Frames in which instance i is painted in COLORS[i] on black.

    Later instances hide earlier ones, so that some are hidden in part or wholly; each may be absent
    from a frame.
    """
    rng = np.random.default_rng(seed)
    masks = np.zeros((num_instances, num_frames, height, width), dtype=bool)
    frames = np.zeros((num_frames, height, width, 3), dtype=np.uint8)
    for i in range(num_instances):
        for t in range(num_frames):
            if rng.random() < 0.2:
                continue
            top, left = rng.integers(height), rng.integers(width)
            bottom = rng.integers(top, height) + 1
            right = rng.integers(left, width) + 1
            masks[:, t, top:bottom, left:right] = False
            masks[i, t] = box_mask(top, left, bottom, right, height, width)
            frames[t, top:bottom, left:right] = COLORS[i]
    return {
        'rng': rng,
        'frames': list(frames),
        'masks': ClipMasks(
            [[counts(mask) for mask in tube] for tube in masks],
            [f'instance {i}' for i in range(num_instances)],
            num_frames,
            height,
            width,
        ),
        'labels': np.arange(num_instances) + 10,
        'instance_ids': np.arange(num_instances) + 1,
        'scale_factor': (1.0, 1.0),
        'flip': False,
        'dataset': 'painted',
        'vocabulary': 'painted',
        'video_id': 1,
        'frame_indices': list(range(num_frames)),
        'file_names': ['x'] * num_frames,
        'height': height,
        'width': width,
        'sample_index': 0,
    }


def pure_pixels(inputs):
    """Where frames show nothing but one instance, and nothing but black.

    Args:
        inputs: (T, 3, H, W) uint8.

    Returns:
        (3, T, H, W) bool and (T, H, W) bool.
    """
    colors = COLORS[:, None, :, None, None]
    return (inputs[None] == colors).all(axis=2), (inputs == 0).all(axis=1)
