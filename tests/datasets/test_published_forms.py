"""Sets that are published in the form of YouTube-VIS, beyond those with recipes."""

import json

import pytest

from mmtmt.datasets import VideoInstanceDataset
from mmtmt.datasets.checking import check_dataset
from mmtmt.datasets.conversion import YouTubeVISReader
from mmtmt.datasets.statistics import read_statistics
from mmtmt.evaluation import evaluate
from mmtmt.taxonomy import Taxonomy, load_vocabulary
from tests.datasets.tiny_set import TRAIN_PIPELINE, box_mask, to_rle

# Spellings of LV-VIS, each a category of its own.
NAMES = ['bat_(animal)', 'bow_(weapon)', 'bow-tie', 'CD', 'compass', 'compass_(drawing_tool)',
         'drum_(musical_instrument)', 'mouse_(computer_equipment)', 'person', 'sedan']  # fmt: skip


def relabel(tiny, categories):
    """Give the set other categories; its objects get the last, the first and one in the middle."""
    tiny.data['categories'] = categories
    ids = [categories[i]['id'] for i in (-1, -1, 0, len(categories) // 2)]
    for number, (annotation, category_id) in enumerate(zip(tiny.data['annotations'], ids)):
        annotation.update(id=number + 1, category_id=category_id)


@pytest.fixture
def lvvis(tiny):
    """1,196 categories with gaps between their ids, the largest first."""
    names = NAMES + [f'thing_{i}' for i in range(1196 - len(NAMES))]
    relabel(tiny, [
        {'id': 100_000 + 7 * i, 'name': name, 'partition': i % 4}
        for i, name in reversed(list(enumerate(names)))
    ])  # fmt: skip
    for video in tiny.data['videos']:
        video['length'] = len(video['file_names'])
    return tiny


def test_lvvis(lvvis):
    path = lvvis.save()
    vocabulary = dict(name='lvvis', source=str(path))
    dataset = VideoInstanceDataset(
        **{key: value for key, value in lvvis.config().items() if key not in ('type', 'name')},
        vocabulary=vocabulary,
        pipeline=TRAIN_PIPELINE,
    )
    assert dataset.name == 'lvvis' and len(dataset.vocabulary) == 1196
    assert dataset.vocabulary.names[:10] == NAMES
    labels = [
        instance['label'] for i in range(3) for instance in dataset.get_data_info(i)['instances']
    ]
    assert labels == [0, 0, 1195, 597]
    assert [dataset.vocabulary.ids[label] for label in labels] == [
        annotation['category_id'] for annotation in lvvis.data['annotations']
    ]
    assert dataset[1]['data_samples'].gt_tubes.labels.max() <= 1195
    # Two of its categories are those of YouTube-VIS; the mouse on the desk is none.
    taxonomy = Taxonomy([load_vocabulary(vocabulary), 'ytvis19'])
    assert len(taxonomy.names) == 1196 + 40 - 2


def test_lvvis_is_checked_counted_and_evaluated(lvvis):
    path = lvvis.save()
    report, _ = check_dataset(lvvis.data, lvvis.root / 'frames')
    assert report.clean
    found = read_statistics(path)
    assert (found.categories, found.used_categories) == (1196, 2)
    results = [
        {
            'video_id': annotation['video_id'],
            'category_id': annotation['category_id'],
            'score': 0.5,
            'segmentations': annotation['segmentations'],
        }
        for annotation in lvvis.data['annotations']
        if not annotation.get('iscrowd')
    ]
    # The polygon's category is present too.
    results[-1]['segmentations'] = [None, None, None, to_rle(box_mask(12, 20, 20, 30))]
    (lvvis.root / 'results.json').write_text(json.dumps(results))
    assert evaluate(path, lvvis.root / 'results.json')['AP'] == pytest.approx(1)


def test_burst_in_the_form_of_youtube_vis(tiny):
    """Ids of LVIS, and folders of frames within folders of the sets that videos are from."""
    relabel(tiny, [{'id': i, 'name': f'thing {i}', 'synset': 'n'} for i in (1203, 805, 41, 2)])
    for video, folder in zip(tiny.data['videos'], ('LaSOT/bear-1', 'YFCC100M/v b', 'HACS/c')):
        old = (tiny.root / 'frames' / video['file_names'][0]).parent
        new = tiny.root / 'frames' / folder
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
        video['file_names'] = [
            f'{folder}/{name.split("/")[1]}' for name in video['file_names']
        ]
    dataset = VideoInstanceDataset(
        **{k: v for k, v in tiny.config(pipeline=TRAIN_PIPELINE).items() if k != 'type'}
    )
    assert dataset.vocabulary.ids == (2, 41, 805, 1203)
    assert all(dataset[i]['inputs'].shape[0] == 2 for i in range(3))
    assert YouTubeVISReader(source=tiny.save()).names == ['LaSOT/bear-1', 'YFCC100M/v b', 'HACS/c']
    assert read_statistics(tiny.save()).first_frames[0].startswith('LaSOT/bear-1/')
