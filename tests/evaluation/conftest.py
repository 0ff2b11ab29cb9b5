"""Small ground truth and results whose numbers can be told by hand."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

HEIGHT, WIDTH = 40, 60


def rle(mask):
    encoded = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': list(encoded['size']), 'counts': encoded['counts'].decode()}


def box(left, right, top=0, bottom=10):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return rle(mask)


class Case:
    """Builds ground truth and results of videos of two frames."""

    def __init__(self):
        self.gt = {
            'videos': [],
            'categories': [{'id': 3, 'name': 'cat'}, {'id': 7, 'name': 'dog'}],
            'annotations': [],
        }
        self.results = []

    def video(self, video_id, length=2):
        self.gt['videos'].append(
            {'id': video_id, 'height': HEIGHT, 'width': WIDTH, 'length': length}
        )
        return self

    def object(self, video_id, segmentations, category_id=3, crowd=0):
        areas = [s and int(mask_api.area(s)) for s in segmentations]
        self.gt['annotations'].append(
            {
                'id': len(self.gt['annotations']) + 1,
                'video_id': video_id,
                'category_id': category_id,
                'iscrowd': crowd,
                'areas': areas,
                'segmentations': segmentations,
            }
        )
        return self

    def result(self, video_id, segmentations, score=0.9, category_id=3):
        self.results.append(
            {
                'video_id': video_id,
                'category_id': category_id,
                'score': score,
                'segmentations': segmentations,
            }
        )
        return self


@pytest.fixture
def case():
    return Case().video(1)


@pytest.fixture(name='box')
def box_fixture():
    return box


@pytest.fixture
def random_case():
    """A case with many overlapping tubes in several videos, no two results with one score."""
    rng = np.random.default_rng(0)
    case = Case()
    scores = iter(rng.permutation(200) / 200)

    def tube(start):
        shifts = rng.integers(-3, 4, 2)
        return [box(start + s, start + s + 12) if rng.random() < 0.9 else None for s in shifts]

    for video_id in (5, 2, 9, 4):
        case.video(video_id)
        for i in range(5):
            start = int(rng.integers(4, 40))
            category = 3 if rng.random() < 0.6 else 7
            case.object(video_id, tube(start), category, crowd=int(i == 4))
            for _ in range(4):
                case.result(video_id, tube(start), float(next(scores)), category)
    return case
