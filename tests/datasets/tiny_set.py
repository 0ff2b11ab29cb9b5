"""A tiny YouTube-VIS set on disk, whose content every test can take apart."""

import copy
import json
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as mask_api

HEIGHT, WIDTH = 24, 40
CATEGORIES = [{'id': 7, 'name': 'fish'}, {'id': 3, 'name': 'boat'}, {'id': 90, 'name': 'duck'}]


def box_mask(top, left, bottom, right, height=HEIGHT, width=WIDTH):
    """A mask that is a rectangle."""
    mask = np.zeros((height, width), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def to_rle(mask, form='compressed'):
    """The mask as it stands in json files."""
    rle = mask_api.encode(np.asfortranarray(mask.view(np.uint8)))
    if form == 'compressed':
        return {'size': list(mask.shape), 'counts': rle['counts'].decode()}
    flat = mask.ravel(order='F')
    changes = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *changes, flat.size]).tolist()
    return {'size': list(mask.shape), 'counts': [0, *counts] if flat[0] else counts}


class TinySet:
    """Videos of the lengths 1, 4 and 6 with a moving red square (fish) and more.

    Video 10 has one frame. Video 20 has a fish in all frames but the second, a duck in its last
    frame only and a crowd. Video 30 has no annotation. Masks of the fish are exactly the red
    pixels.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = {'videos': [], 'annotations': [], 'categories': copy.deepcopy(CATEGORIES)}
        for video_id, length in ((10, 1), (20, 4), (30, 6)):
            names = [f'v{video_id}/{t:05d}.png' for t in range(length)]
            self.data['videos'].append(
                {'id': video_id, 'height': HEIGHT, 'width': WIDTH, 'file_names': names}
            )
            for t, name in enumerate(names):
                self.write_frame(name, self.fish(t), t)
        self.annotate(0, 10, 7, [to_rle(self.fish(0))])
        fish = [to_rle(self.fish(t), 'compressed' if t else 'runs') for t in range(4)]
        self.annotate(1, 20, 7, [fish[0], None, fish[2], fish[3]])
        self.annotate(2, 20, 3, [to_rle(box_mask(0, 0, 9, 9))] * 4, iscrowd=1)
        self.annotate(5, 20, 90, [None, None, None, [[20, 12, 30, 12, 30, 20, 20, 20]]])

    @staticmethod
    def fish(t):
        """Mask of the red square in frame t."""
        return box_mask(4, 2 + 3 * t, 14, 14 + 3 * t)

    def write_frame(self, name, red, seed):
        path = self.root / 'frames' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = np.random.default_rng(seed).integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        frame[red] = (0, 0, 255)  # OpenCV writes BGR
        cv2.imwrite(str(path), frame)

    def annotate(self, annotation_id, video_id, category_id, segmentations, **more):
        self.data['annotations'].append(
            {
                'id': annotation_id,
                'video_id': video_id,
                'category_id': category_id,
                'segmentations': segmentations,
                **more,
            }
        )

    def save(self, name='train.json'):
        path = self.root / name
        path.write_text(json.dumps(self.data))
        return path

    def config(self, **more):
        """Config of the dataset; writes the file."""
        self.save()
        return {
            'type': 'VideoInstanceDataset',
            'data_root': str(self.root),
            'ann_file': 'train.json',
            'data_prefix': {'img': 'frames'},
            'name': 'tiny',
            **more,
        }


TRAIN_PIPELINE = [
    {'type': 'SampleClip', 'num_frames': 2, 'frame_range': 3},
    {'type': 'LoadClip'},
    {'type': 'LoadTubes'},
    {'type': 'ClipResize', 'short_sides': (16, 32), 'max_size': 60},
    {'type': 'ClipFlip', 'prob': 0.5},
    {'type': 'PackClip'},
]
