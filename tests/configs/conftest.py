"""Videos for configs at toy size."""

import gc
from functools import cache

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmtmt.structures.tubes import encode_tube, tube_to_json
from mmtmt.taxonomy import load_vocabulary
from tests.configs.toy_size import FRAMES, HEIGHT, WIDTH


@pytest.fixture(scope='module', autouse=True)
def cheap_garbage_collection():
    """mmengine's datasets collect garbage when they are built: spare it what was imported."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope='session')
def toy_set(tmp_path_factory):
    """Make a set of one video with two objects in a vocabulary: name -> (json, frames)."""
    root = tmp_path_factory.mktemp('toy_sets')

    @cache
    def make(name):
        vocabulary = load_vocabulary(name)
        folder = root / name / 'frames' / 'video'
        folder.mkdir(parents=True)
        masks = np.zeros((2, FRAMES, HEIGHT, WIDTH), dtype=bool)
        generator = np.random.default_rng(0)
        for t in range(FRAMES):
            masks[0, t, 8:30, 5 + 6 * t:35 + 6 * t] = True
            masks[1, t, 32:60, 20:70] = True
            frame = generator.integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            frame[masks[0, t]] += 120
            cv2.imwrite(str(folder / f'{t}.jpg'), frame)
        masks[0, 2] = False
        ann_file = root / name / 'instances.json'
        if name == 'coco':
            return write_images(ann_file, vocabulary, masks)
        Config(dict(
            videos=[dict(id=1, width=WIDTH, height=HEIGHT, length=FRAMES,
                         file_names=[f'video/{t}.jpg' for t in range(FRAMES)])],
            categories=[dict(id=i, name=n) for i, n in zip(vocabulary.ids, vocabulary.names)],
            annotations=[
                dict(id=k + 1, video_id=1, category_id=vocabulary.ids[k - 1], iscrowd=0,
                     segmentations=tube_to_json(encode_tube(masks[k]))) for k in range(2)
            ])).dump(ann_file)
        return str(ann_file), str(folder.parent)

    return make


def write_images(ann_file, vocabulary, masks):
    """The video's frames as images in COCO's format."""
    objects = [(k, t, rle) for k in range(2)
               for t, rle in enumerate(tube_to_json(encode_tube(masks[k]))) if rle]
    Config(dict(
        images=[dict(id=t, width=WIDTH, height=HEIGHT, file_name=f'video/{t}.jpg')
                for t in range(FRAMES)],
        categories=[dict(id=i, name=n) for i, n in zip(vocabulary.ids, vocabulary.names)],
        annotations=[
            dict(id=number, image_id=t, category_id=vocabulary.ids[k], iscrowd=0, segmentation=rle)
            for number, (k, t, rle) in enumerate(objects)
        ])).dump(ann_file)
    return str(ann_file), str(ann_file.parent / 'frames')
