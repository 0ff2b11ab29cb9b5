"""A file of the size of UVO's training set: little memory, and workers that share it."""

import json
import os

import numpy as np
import pytest

from mmtmt.datasets import VideoInstanceDataset
from tests.datasets.tiny_set import to_rle
from tests.little_memory import in_little_memory

VIDEOS, FRAMES, OBJECTS = 500, 90, 10
HEIGHT, WIDTH = 480, 854


@pytest.fixture
def large_file(tmp_path):
    """450,000 masks of 500 characters, 230 MB of json; removed at the end."""
    rng = np.random.default_rng(0)
    pool = []
    for _ in range(50):
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        for column in range(300, 500):
            top = 100 + int(rng.integers(20))
            mask[top : top + 150, column] = True
        pool.append(json.dumps(to_rle(mask)))
    videos = [
        {'id': v, 'height': HEIGHT, 'width': WIDTH,
         'file_names': [f'{v}/{t}.png' for t in range(FRAMES)]}
        for v in range(VIDEOS)
    ]  # fmt: skip
    head = {'categories': [{'id': 1, 'name': 'thing'}], 'videos': videos}
    path = tmp_path / 'large.json'
    with open(path, 'w') as file:
        file.write(f'{json.dumps(head)[:-1]}, "annotations": [')
        for number in range(VIDEOS * OBJECTS):
            masks = ', '.join(pool[i] for i in rng.integers(len(pool), size=FRAMES))
            file.write(
                f'{"," if number else ""}\n{{"id": {number}, "video_id": {number // OBJECTS}, '
                f'"category_id": 1, "iscrowd": 0, "segmentations": [{masks}]}}'
            )
        file.write(']}')
    yield path
    path.unlink()


def megabytes(file, *keys):
    """Sum of what the process's own file under /proc says, kB in MB."""
    with open(f'/proc/self/{file}') as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith(keys)) / 1024


def load(path):
    """Load the file; what that takes, and what a worker takes that visits every video, in MB."""
    before = megabytes('status', 'VmRSS:')
    dataset = VideoInstanceDataset(ann_file=str(path))
    found = {
        'videos': len(dataset),
        'objects': sum(len(video['instances']) for video in map(dataset.get_data_info, (0, 499))),
        'peak': megabytes('status', 'VmHWM:') - before,
        'kept': (dataset.data_bytes.nbytes + dataset.mask_store.nbytes) / 2**20,
    }
    here, there = os.pipe()
    worker = os.fork()  # as the workers of a data loader are
    if not worker:
        masks = 0
        for index in range(len(dataset)):
            for instance in dataset.get_data_info(index)['instances']:
                masks += sum(bool(instance['tube'].counts(frame)) for frame in range(FRAMES))
        private = megabytes('smaps_rollup', 'Private_Dirty:', 'Private_Clean:')
        os.write(there, json.dumps({'masks': masks, 'private': private}).encode())
        os._exit(0)
    os.waitpid(worker, 0)
    return {**found, **json.loads(os.read(here, 1000))}


def test_memory_of_450_000_masks(large_file):
    assert large_file.stat().st_size > 2e8
    found = in_little_memory(load, large_file, megabytes=2000, seconds=500)
    assert (found['videos'], found['objects']) == (VIDEOS, 2 * OBJECTS)
    assert found['masks'] == VIDEOS * OBJECTS * FRAMES
    # Measured: 205, 231 and 4 MB. Python with its libraries takes 400 MB more.
    assert found['kept'] < 230
    assert found['peak'] < 400
    assert found['private'] < 40
