"""TaxonomyRecall against counts made by hand."""

import json
from pathlib import Path

import pytest

from mmtmt.evaluation.metrics import TaxonomyRecall

CATEGORIES = [{'id': i, 'name': name} for i, name in ((2, 'cat'), (5, 'dog'), (9, 'owl'))]


@pytest.fixture
def files(tmp_path):
    def write(name, pairs):
        annotations = [
            {'id': i, 'video_id': video, 'category_id': category}
            for i, (video, category) in enumerate(pairs)
        ]
        path = tmp_path / name
        content = {'videos': [{'id': i} for i in range(1, 7)], 'categories': CATEGORIES}
        path.write_text(json.dumps({**content, 'annotations': annotations}))
        return str(path)

    # video 1 shows cat and owl, video 2 owl, video 3 nothing; dogs are the most frequent
    valid = write('valid.json', [(1, 2), (1, 9), (1, 9), (2, 9)])
    train = write('train.json', [(1, 5), (2, 5), (3, 5), (4, 2), (5, 2), (6, 9)])
    return valid, train


def sample(video_id, labels):
    return dict(
        dataset='pets', vocabulary='any', video_id=video_id, compiled_labels=labels, pred_tubes=None
    )


def test_recall_of_both_rankings(files):
    valid, train = files
    metric = TaxonomyRecall(ann_files={'pets': valid}, train_files={'pets': train})
    # labels are positions: 0 cat, 1 dog, 2 owl
    metric.process(None, [sample(1, [2, 0]), sample(2, [0, 1]), sample(3, [0, 1])])
    metrics = metric.evaluate(3)
    assert metrics['pets/taxonomy_recall'] == pytest.approx((1 + 0) / 2)
    # the static ranking selects dog and cat for every video
    assert metrics['pets/static_recall'] == pytest.approx((0.5 + 0) / 2)
    assert metrics['mean/taxonomy_recall'] == metrics['pets/taxonomy_recall']


def test_a_model_without_taxonomy_is_refused(files):
    valid, train = files
    metric = TaxonomyRecall(ann_files={'pets': valid}, train_files={'pets': train})
    with pytest.raises(ValueError, match='compiles a taxonomy'):
        metric.process(None, [sample(1, None)])


def test_nothing_selected_of_a_vocabulary_is_a_recall_of_zero(files):
    valid, train = files
    metric = TaxonomyRecall(ann_files={'pets': valid}, train_files={'pets': train})
    metric.process(None, [sample(1, []), sample(2, [1])])
    metrics = metric.evaluate(2)
    assert metrics['pets/taxonomy_recall'] == metrics['pets/static_recall'] == 0


def test_a_video_of_another_file_is_refused(files):
    valid, train = files
    metric = TaxonomyRecall(ann_files={'pets': valid}, train_files={'pets': train})
    metric.process(None, [sample(7, [0])])
    with pytest.raises(ValueError, match='video 7 is not in .*valid.json'):
        metric.evaluate(1)


def test_files_must_name_the_same_datasets(files):
    with pytest.raises(ValueError, match='train_files'):
        TaxonomyRecall(ann_files={'pets': files[0]}, train_files={})


def test_training_files_may_number_categories_otherwise(files, tmp_path):
    valid, train = files
    content = json.loads(Path(train).read_text())
    for entry in content['categories']:
        entry['id'] += 100
    for annotation in content['annotations']:
        annotation['category_id'] += 100
    other = tmp_path / 'other.json'
    other.write_text(json.dumps(content))
    numbers = []
    for file in (train, str(other)):
        metric = TaxonomyRecall(ann_files={'pets': valid}, train_files={'pets': file})
        metric.process(None, [sample(1, [2, 0]), sample(2, [0, 1])])
        numbers.append(metric.evaluate(2))
    assert numbers[0] == numbers[1]


def test_files_without_annotations_and_unknown_datasets_are_refused(files, tmp_path):
    valid, train = files
    hidden = tmp_path / 'hidden.json'
    hidden.write_text(json.dumps({'videos': [], 'categories': CATEGORIES}))
    with pytest.raises(ValueError, match='pets, .*hidden.json: expected annotations'):
        TaxonomyRecall(ann_files={'pets': str(hidden)}, train_files={'pets': train})
    metric = TaxonomyRecall(ann_files={'zoo': valid}, train_files={'zoo': train})
    with pytest.raises(ValueError, match="dataset 'pets' is predicted"):
        metric.process(None, [sample(1, [0])])
