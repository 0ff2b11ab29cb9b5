"""An analysis of generated results with frames, for the pages and the tools."""

import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as mask_api

SHAPE = (60, 90)
HOSTILE = '<script>alert("x")</script>\'><img src=x onerror=alert(1)>|\n# x\x1b[31m'


def tube(left, length=6, height=20):
    """A square that moves to the right."""
    rles = []
    for t in range(length):
        mask = np.zeros(SHAPE, np.uint8)
        mask[10 : 10 + height, left + 2 * t : left + 2 * t + 20] = 1
        encoded = mask_api.encode(np.asfortranarray(mask))
        rles.append({'size': list(SHAPE), 'counts': encoded['counts'].decode()})
    return rles


@pytest.fixture
def files(tmp_path):
    """Ground truth, results and frames of three videos: right, wrong category, nothing found; a
    category and a video with a hostile name."""
    names = {'good': 'good', HOSTILE: 'hostile', 'bad': 'bad'}
    videos, annotations, results = [], [], []
    for video, folder in names.items():
        (tmp_path / 'frames' / folder).mkdir(parents=True)
        file_names = [f'{folder}/{t}.jpg' for t in range(6)]
        for t, name in enumerate(file_names):
            cv2.imwrite(str(tmp_path / 'frames' / name), np.full((*SHAPE, 3), 20 * t, np.uint8))
        videos.append(
            {
                'id': video,
                'height': SHAPE[0],
                'width': SHAPE[1],
                'length': 6,
                'file_names': file_names,
            }
        )
        annotations.append(
            {
                'id': len(annotations) + 1,
                'video_id': video,
                'category_id': 1,
                'iscrowd': 0,
                'segmentations': tube(5),
            }
        )
    found = (('good', 1, 5, 0.9), (HOSTILE, 2, 5, 0.7), ('bad', 1, 50, 0.8))
    for video, category, left, score in found:
        results.append(
            {
                'video_id': video,
                'category_id': category,
                'score': score,
                'segmentations': tube(left),
            }
        )
    categories = [{'id': 1, 'name': 'cat'}, {'id': 2, 'name': HOSTILE}]
    gt = {'videos': videos, 'annotations': annotations, 'categories': categories}
    (tmp_path / 'gt.json').write_text(json.dumps(gt))
    (tmp_path / 'results.json').write_text(json.dumps(results))
    return tmp_path
