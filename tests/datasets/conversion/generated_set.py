"""Sets of random videos with objects that don't overlap, and their frames on disk."""

import json

import numpy as np
from PIL import Image

from tests.datasets.tiny_set import to_rle

CATEGORIES = [{'id': 4, 'name': 'red panda'}, {'id': 2, 'name': 'zebra'}]


def random_labels(rng, height, width, objects):
    """Label image of a frame: each object is a rectangle with a hole, or absent."""
    labels = np.zeros((height, width), np.uint8)
    for number in rng.permutation(objects) + 1:
        if rng.random() < 0.3:
            continue
        top, left = int(rng.integers(height - 4)), int(rng.integers(width - 4))
        h, w = int(rng.integers(3, height)), int(rng.integers(3, width))
        patch = labels[top : top + h, left : left + w]
        patch[:] = number
        patch[1:2, 1:2] = 0
    return labels


def make_set(root, seed=0, suffix='.png', first=0):
    """Writes frames and returns the json document; every object is visible somewhere."""
    rng = np.random.default_rng(seed)
    data = {'videos': [], 'annotations': [], 'categories': CATEGORIES}
    for video_id, name in ((3, 'b_clip'), (8, 'a_clip'), (9, 'empty')):
        height, width = (int(n) for n in rng.integers(12, 40, 2))
        length = int(rng.integers(1, 5))
        file_names = [f'{name}/{first + t:05d}{suffix}' for t in range(length)]
        data['videos'].append(
            {'id': video_id, 'height': height, 'width': width, 'file_names': file_names}
        )
        for file_name in file_names:
            path = root / 'frames' / file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
        objects = 0 if name == 'empty' else int(rng.integers(1, 5))
        labels = [random_labels(rng, height, width, objects) for _ in file_names]
        for number in range(1, objects + 1):
            masks = [frame == number for frame in labels]
            if any(mask.any() for mask in masks):
                category = CATEGORIES[int(rng.integers(2))]['id']
                data['annotations'].append(
                    {
                        'id': len(data['annotations']) + 5,
                        'video_id': video_id,
                        'category_id': category,
                        'iscrowd': 0,
                        'segmentations': [to_rle(m) if m.any() else None for m in masks],
                    }
                )
    path = root / 'source.json'
    path.write_text(json.dumps(data))
    return path


def content(path):
    """What a json file says, whatever its ids: per video its frames, size, and its objects."""
    data = json.loads(path.read_text())
    names = {category['id']: category['name'] for category in data['categories']}
    videos = {}
    for video in data['videos']:
        objects = [
            (
                names[annotation['category_id']],
                annotation.get('iscrowd', 0),
                tuple(s and s['counts'] for s in annotation['segmentations']),
            )
            for annotation in data['annotations']
            if annotation['video_id'] == video['id']
        ]
        key = video['file_names'][0].split('/')[0]
        size = (video['height'], video['width'])
        videos[key] = (size, tuple(video['file_names']), sorted(objects, key=str))
    return videos
